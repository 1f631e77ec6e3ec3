package model

import "github.com/tcpdoctor/tcpdoctor/facts"

// transitionsEstablished is the table of ESTABLISHED and CLOSE_WAIT, the two
// states that CurrEstab counts.
var transitionsEstablished = append([]Transition{
	{From: nodeEstablished, On: OnFIN, To: nodeCloseWait, Send: []Reply{SendACK},
		Source: "RFC 9293 3.10.7.4; tcp_fin. CurrEstab counts CLOSE_WAIT too"},
	{From: nodeEstablished, On: OnData, To: nodeEstablished, Send: []Reply{SendACK}, Source: "RFC 9293 3.10.7.4; tcp_data_queue"},
	{From: nodeEstablished, On: OnACK, To: nodeEstablished, Source: "RFC 9293 3.10.7.4; tcp_ack"},
	{From: nodeEstablished, On: OnBadACK, When: IfLimited, To: nodeEstablished, Count: []Counter{CTCPACKSkippedChallenge},
		Source: "tcp_send_challenge_ack"},
	{From: nodeEstablished, On: OnBadACK, To: nodeEstablished, Send: []Reply{SendACK}, Count: []Counter{CTCPChallengeACK},
		Source: "RFC 9293 3.10.7.4; tcp_rcv_established. Older kernels drop it"},
	{From: nodeEstablished, On: OnClose, To: nodeFinWait1O, Send: []Reply{SendFIN}, Count: []Counter{CCurrEstabMinus},
		Source: "RFC 9293 3.10.4; tcp_close. The FIN may be queued behind data"},
	{From: nodeEstablished, On: OnShutdown, To: nodeFinWait1, Send: []Reply{SendFIN}, Count: []Counter{CCurrEstabMinus},
		Source: "RFC 9293 3.6 (half-close); tcp_shutdown"},
	{From: nodeEstablished, On: OnRST, To: nodeClosed, Count: []Counter{CEstabResets, CCurrEstabMinus}, Error: errReset,
		Source: "RFC 9293 3.10.7.4; tcp_reset"},
	{From: nodeEstablished, On: OnSYN, When: IfLimited, To: nodeEstablished, Count: []Counter{CTCPSYNChallenge, CTCPACKSkippedChallenge, CInErrs},
		Source: "RFC 5961 4.2; tcp_send_challenge_ack"},
	{From: nodeEstablished, On: OnSYN, To: nodeEstablished, Send: []Reply{SendACK}, Count: []Counter{CTCPSYNChallenge, CTCPChallengeACK, CInErrs},
		Source: "RFC 5961 4.2; tcp_validate_incoming"},

	{From: nodeCloseWait, On: OnClose, To: nodeLastAckO, Send: []Reply{SendFIN}, Count: []Counter{CCurrEstabMinus},
		Source: "RFC 9293 3.10.4; tcp_close"},
	{From: nodeCloseWait, On: OnShutdown, To: nodeLastAck, Send: []Reply{SendFIN}, Count: []Counter{CCurrEstabMinus},
		Source: "RFC 9293 3.6; tcp_shutdown"},
	{From: nodeCloseWait, On: OnACK, To: nodeCloseWait, Source: "RFC 9293 3.10.7.4; tcp_ack"},
	{From: nodeCloseWait, On: OnRST, To: nodeClosed, Count: []Counter{CEstabResets, CCurrEstabMinus}, Error: errPipe,
		Source: "RFC 9293 3.10.7.4; tcp_reset"},
	{From: nodeCloseWait, On: OnBadACK, When: IfLimited, To: nodeCloseWait, Count: []Counter{CTCPACKSkippedChallenge},
		Source: "tcp_send_challenge_ack"},
	{From: nodeCloseWait, On: OnBadACK, To: nodeCloseWait, Send: []Reply{SendACK}, Count: []Counter{CTCPChallengeACK},
		Source: "RFC 9293 3.10.7.4; tcp_rcv_state_process"},
}, inBoth(
	Transition{On: OnCloseUnread, To: nodeClosed, Send: []Reply{SendRST},
		Count: []Counter{CTCPAbortOnClose, CEstabResets, CCurrEstabMinus, COutRsts}, Source: "RFC 2525 2.17; tcp_close"},
	Transition{On: OnCloseLinger, To: nodeClosed, Send: []Reply{SendRST},
		Count: []Counter{CTCPAbortOnData, CEstabResets, CCurrEstabMinus, COutRsts}, Source: "tcp_close, tcp_disconnect"},
	Transition{On: OnTimer, Send: []Reply{SendData}, Count: []Counter{CTCPTimeouts, CRetransSegs}, Source: "RFC 6298 5; tcp_retransmit_timer"},
	Transition{On: OnLastTimer, To: nodeClosed, Count: []Counter{CTCPTimeouts, CTCPAbortOnTimeout, CEstabResets, CCurrEstabMinus},
		Error: errTimeout, Source: "RFC 9293 3.8.3; tcp_write_timeout"},
	Transition{On: OnKeepalive, To: nodeClosed, Send: []Reply{SendRST},
		Count: []Counter{CTCPAbortOnTimeout, CEstabResets, CCurrEstabMinus, COutRsts}, Error: errTimeout, Source: "RFC 9293 3.8.4; tcp_keepalive_timer"},
	Transition{On: OnListenerClosed, To: nodeClosed, Send: []Reply{SendRST},
		Count: []Counter{CEstabResets, CCurrEstabMinus, COutRsts}, Source: "inet_child_forget: a child that was never accepted"},
)...)

// inBoth repeats rows for ESTABLISHED and CLOSE_WAIT. A row without To stays.
func inBoth(rows ...Transition) []Transition {
	var out []Transition
	for _, from := range []Node{nodeEstablished, nodeCloseWait} {
		out = append(out, rowsFrom(from, rows...)...)
	}
	return out
}

// rowsFrom repeats rows for one place; a row without To stays there.
func rowsFrom(from Node, rows ...Transition) []Transition {
	out := make([]Transition, 0, len(rows))
	for _, r := range rows {
		r.From = from
		if r.To == (Node{}) {
			r.To = from
		}
		out = append(out, r)
	}
	return out
}

// validationRows is what every synchronized socket answers to a segment that
// fails the checks of RFC 9293 3.10.7.4 (tcp_validate_incoming). ESTABLISHED
// has a row of its own for SYN, which it also counts as an error.
func validationRows(from Node) []Transition {
	rows := []Transition{
		{On: OnRSTNear, When: IfLimited, Count: []Counter{CTCPACKSkippedChallenge}, Source: "RFC 5961 3.2; tcp_send_challenge_ack"},
		{On: OnRSTNear, Send: []Reply{SendACK}, Count: []Counter{CTCPChallengeACK}, Source: "RFC 9293 3.10.7.4, RFC 5961 3.2; tcp_validate_incoming"},
		{On: OnRSTOther, Source: "RFC 9293 3.10.7.4; tcp_validate_incoming"},
		{On: OnOld, When: IfPureLimited, Count: []Counter{CTCPACKSkippedSeq}, Source: "tcp_oow_rate_limited"},
		{On: OnOld, Send: []Reply{SendACK}, Source: "RFC 9293 3.10.7.4; tcp_send_dupack"},
		{On: OnBeyond, When: IfPureLimited, Count: []Counter{CBeyondWindow, CTCPACKSkippedSeq}, Source: "tcp_oow_rate_limited"},
		{On: OnBeyond, Send: []Reply{SendACK}, Count: []Counter{CBeyondWindow}, Source: "RFC 9293 3.10.7.4; tcp_send_dupack"},
		{On: OnOvertaken, Count: []Counter{CPAWSOldAck}, Source: "tcp_disordered_ack_check"},
		{On: OnPAWS, When: IfPureLimited, Count: []Counter{CPAWSEstab, CTCPACKSkippedPAWS}, Source: "tcp_oow_rate_limited"},
		{On: OnPAWS, Send: []Reply{SendACK}, Count: []Counter{CPAWSEstab}, Source: "RFC 7323 5; tcp_validate_incoming"},
		{On: OnSYN, When: IfLimited, Count: []Counter{CTCPSYNChallenge, CTCPACKSkippedChallenge}, Source: "RFC 5961 4.2; tcp_send_challenge_ack"},
		{On: OnSYN, Send: []Reply{SendACK}, Count: []Counter{CTCPSYNChallenge, CTCPChallengeACK}, Source: "RFC 9293 3.10.7.4, RFC 5961 4.2; tcp_validate_incoming"},
	}
	if from.State == facts.Established {
		rows = rows[:len(rows)-2]
	}
	return rowsFrom(from, rows...)
}

// validated holds the places that answer so.
var validated = []Node{
	nodeSynRecv, nodeEstablished, nodeCloseWait, nodeFinWait1Any, nodeFinWait2, nodeFinWait2O, nodeClosingAny, nodeLastAckAny,
}
