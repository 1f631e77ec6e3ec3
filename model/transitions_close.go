package model

// transitionsClose is the table of the closing states and of TIME_WAIT.
var transitionsClose = append(append([]Transition{
	{From: nodeFinWait1, On: OnACKOfFIN, To: nodeFinWait2, Source: "RFC 9293 3.10.7.4; tcp_rcv_state_process"},
	{From: nodeFinWait1O, On: OnACKOfFIN, When: IfLinger2, To: nodeClosed, Send: []Reply{SendRST},
		Count: []Counter{CTCPAbortOnData, COutRsts}, Source: "tcp_rcv_state_process"},
	{From: nodeFinWait1O, On: OnACKOfFIN, When: IfCarriesData, To: nodeClosed, Send: []Reply{SendRST},
		Count: []Counter{CTCPAbortOnData, COutRsts}, Source: "RFC 9293 3.6.1; tcp_rcv_state_process"},
	{From: nodeFinWait1O, On: OnACKOfFIN, When: IfLongTimeout, To: nodeFinWait2O, Source: "tcp_rcv_state_process: first an orphan for the excess over 60 s"},
	{From: nodeFinWait1O, On: OnACKOfFIN, When: IfCarriesFIN, To: nodeFinWait2O, Source: "tcp_rcv_state_process: the FIN must not be lost"},
	{From: nodeFinWait1O, On: OnACKOfFIN, When: IfTWFull, To: nodeClosed, Count: []Counter{CTCPTimeWaitOverflow}, Source: "tcp_time_wait"},
	{From: nodeFinWait1O, On: OnACKOfFIN, When: IfTWShort, To: nodeFinWait2T, Count: []Counter{CTWKilled}, Source: "tcp_time_wait"},
	{From: nodeFinWait1O, On: OnACKOfFIN, To: nodeFinWait2T, Count: []Counter{CTW}, Source: "tcp_time_wait for tcp_fin_timeout"},
	{From: nodeFinWait1, On: OnFIN, To: nodeClosing, Send: []Reply{SendACK}, Source: "RFC 9293 3.10.7.4; tcp_fin"},
	{From: nodeFinWait1O, On: OnFIN, To: nodeClosingO, Send: []Reply{SendACK}, Source: "RFC 9293 3.10.7.4; tcp_fin"},
	{From: nodeFinWait1, On: OnData, To: nodeFinWait1, Send: []Reply{SendACK}, Source: "RFC 9293 3.10.7.4; tcp_data_queue"},
	{From: nodeFinWait1O, On: OnData, To: nodeClosed, Send: []Reply{SendRST}, Count: []Counter{CTCPAbortOnData, COutRsts},
		Source: "RFC 9293 3.6.1; tcp_rcv_state_process"},
	{From: nodeFinWait1, On: OnClose, To: nodeFinWait1O, Source: "tcp_close"},

	{From: nodeFinWait2, On: OnFIN, When: IfTWFull, To: nodeClosed, Send: []Reply{SendACK}, Count: []Counter{CTCPTimeWaitOverflow}, Source: "tcp_time_wait"},
	{From: nodeFinWait2, On: OnFIN, To: nodeTimeWait, Send: []Reply{SendACK}, Count: []Counter{CTW}, Source: "RFC 9293 3.10.7.4; tcp_fin"},
	{From: nodeFinWait2O, On: OnFIN, When: IfTWFull, To: nodeClosed, Send: []Reply{SendACK}, Count: []Counter{CTCPTimeWaitOverflow}, Source: "tcp_time_wait"},
	{From: nodeFinWait2O, On: OnFIN, To: nodeTimeWait, Send: []Reply{SendACK}, Count: []Counter{CTW}, Source: "RFC 9293 3.10.7.4; tcp_fin"},
	{From: nodeFinWait2, On: OnData, To: nodeFinWait2, Send: []Reply{SendACK}, Source: "RFC 9293 3.6 (half-close); tcp_data_queue"},
	{From: nodeFinWait2O, On: OnData, To: nodeClosed, Send: []Reply{SendRST}, Count: []Counter{CTCPAbortOnData, COutRsts},
		Source: "RFC 9293 3.6.1; tcp_rcv_state_process"},
	{From: nodeFinWait2, On: OnClose, When: IfLinger2, To: nodeClosed, Send: []Reply{SendRST},
		Count: []Counter{CTCPAbortOnLinger, COutRsts}, Source: "tcp_close"},
	{From: nodeFinWait2, On: OnClose, When: IfLongTimeout, To: nodeFinWait2O, Source: "tcp_close: first an orphan for the excess over 60 s"},
	{From: nodeFinWait2, On: OnClose, When: IfTWFull, To: nodeClosed, Count: []Counter{CTCPTimeWaitOverflow}, Source: "tcp_time_wait"},
	{From: nodeFinWait2, On: OnClose, When: IfTWShort, To: nodeFinWait2T, Count: []Counter{CTWKilled}, Source: "tcp_time_wait"},
	{From: nodeFinWait2, On: OnClose, To: nodeFinWait2T, Count: []Counter{CTW}, Source: "tcp_close, tcp_time_wait"},
	{From: nodeFinWait2O, On: OnTimer, When: IfTWFull, To: nodeClosed, Count: []Counter{CTCPTimeWaitOverflow}, Source: "tcp_time_wait"},
	{From: nodeFinWait2O, On: OnTimer, When: IfTWShort, To: nodeFinWait2T, Count: []Counter{CTWKilled}, Source: "tcp_time_wait"},
	{From: nodeFinWait2O, On: OnTimer, To: nodeFinWait2T, Count: []Counter{CTW}, Source: "tcp_keepalive_timer"},

	{From: nodeFinWait2T, On: OnFIN, To: nodeTimeWait, Send: []Reply{SendACK}, Restarts: true, Source: "tcp_timewait_state_process"},
	{From: nodeFinWait2T, On: OnData, To: nodeClosed, Send: []Reply{SendRST}, Count: []Counter{COutRsts}, Source: "tcp_timewait_state_process"},
	{From: nodeFinWait2T, On: OnSYN, To: nodeClosed, Send: []Reply{SendRST}, Count: []Counter{COutRsts}, Source: "tcp_timewait_state_process"},
	{From: nodeFinWait2T, On: OnRST, To: nodeClosed, Source: "tcp_timewait_state_process"},
	{From: nodeFinWait2T, On: OnACK, To: nodeFinWait2T, Source: "tcp_timewait_state_process"},
	{From: nodeFinWait2T, On: OnOld, When: IfPureLimited, To: nodeFinWait2T, Count: []Counter{CTCPACKSkippedFinWait2}, Source: "tcp_timewait_check_oow_rate_limit"},
	{From: nodeFinWait2T, On: OnOld, To: nodeFinWait2T, Send: []Reply{SendACK}, Source: "tcp_timewait_state_process"},
	{From: nodeFinWait2T, On: OnConnect, When: IfReusable, To: nodeSynSent, Send: []Reply{SendSYN}, Count: []Counter{CTWRecycled, CActiveOpens},
		Source: "tcp_twsk_unique of older kernels"},
	{From: nodeFinWait2T, On: OnConnect, To: nodeFinWait2T, Error: errNoAddress, Source: "tcp_twsk_unique: not while the substate is FIN_WAIT2"},
	{From: nodeFinWait2T, On: OnLastTimer, To: nodeClosed, Source: "tcp_fin_timeout is over; the peer's later FIN gets a RST"},

	{From: nodeClosingAny, On: OnACKOfFIN, When: IfTWFull, To: nodeClosed, Count: []Counter{CTCPTimeWaitOverflow}, Source: "tcp_time_wait"},
	{From: nodeClosingAny, On: OnACKOfFIN, To: nodeTimeWait, Count: []Counter{CTW}, Source: "RFC 9293 3.10.7.4; tcp_rcv_state_process"},
	{From: nodeClosing, On: OnClose, To: nodeClosingO, Source: "tcp_close"},

	{From: nodeLastAckAny, On: OnACKOfFIN, To: nodeClosed, Source: "RFC 9293 3.10.7.4; tcp_rcv_state_process"},
	{From: nodeLastAck, On: OnClose, To: nodeLastAckO, Source: "tcp_close"},

	{From: nodeTimeWait, On: OnLastTimer, To: nodeClosed, Source: "RFC 9293 3.10.8; 60 s on Linux, TCP_TIMEWAIT_LEN"},
	{From: nodeTimeWait, On: OnRST, When: IfProtected, To: nodeTimeWait, Source: "RFC 1337; tcp_timewait_state_process: no restart either"},
	{From: nodeTimeWait, On: OnRST, To: nodeClosed, Source: "tcp_timewait_state_process"},
	{From: nodeTimeWait, On: OnRSTOther, To: nodeTimeWait, Source: "tcp_timewait_state_process"},
	{From: nodeTimeWait, On: OnACK, To: nodeTimeWait, Restarts: true, Source: "tcp_timewait_state_process"},
	{From: nodeTimeWait, On: OnOld, When: IfPureLimited, To: nodeTimeWait, Count: []Counter{CTCPACKSkippedTimeWait}, Restarts: true,
		Source: "tcp_timewait_check_oow_rate_limit"},
	{From: nodeTimeWait, On: OnOld, To: nodeTimeWait, Send: []Reply{SendACK}, Restarts: true, Source: "RFC 9293 3.10.7.4; tcp_timewait_state_process"},
	{From: nodeTimeWait, On: OnSegment, To: nodeTimeWait, Send: []Reply{SendACK}, Source: "tcp_timewait_state_process: no ACK bit, no restart"},
	{From: nodeTimeWait, On: OnPAWS, When: IfPureLimited, To: nodeTimeWait, Count: []Counter{CPAWSTimewait, CTCPACKSkippedTimeWait}, Restarts: true,
		Source: "tcp_timewait_check_oow_rate_limit"},
	{From: nodeTimeWait, On: OnRSTPAWS, To: nodeTimeWait, Count: []Counter{CPAWSTimewait}, Source: "tcp_timewait_state_process"},
	{From: nodeTimeWait, On: OnPAWS, To: nodeTimeWait, Send: []Reply{SendACK}, Count: []Counter{CPAWSTimewait}, Restarts: true,
		Source: "RFC 7323 5; tcp_timewait_state_process"},
	{From: nodeTimeWait, On: OnSYN, When: IfReplaceable, To: nodeClosed, Spawns: nodeRequest,
		Source: "RFC 9293 3.6.1, RFC 6191; tcp_timewait_state_process"},
	{From: nodeTimeWait, On: OnSYN, To: nodeTimeWait, Send: []Reply{SendACK}, Source: "tcp_timewait_state_process"},
	{From: nodeTimeWait, On: OnConnect, When: IfReusable, To: nodeSynSent, Send: []Reply{SendSYN}, Count: []Counter{CTWRecycled, CActiveOpens},
		Source: "RFC 6191; tcp_twsk_unique"},
	{From: nodeTimeWait, On: OnConnect, To: nodeTimeWait, Error: errNoAddress, Source: "__inet_check_established"},
}, closingRows()...), everyValidationRow()...)

// closingRows holds what several closing states have in common.
func closingRows() []Transition {
	var out []Transition
	for _, from := range []Node{nodeFinWait1Any, nodeClosingAny, nodeLastAckAny} {
		out = append(out, rowsFrom(from,
			Transition{On: OnTimer, Send: []Reply{SendFIN}, Count: []Counter{CTCPTimeouts, CRetransSegs}, Source: "RFC 6298 5; tcp_retransmit_timer"},
			Transition{On: OnLastTimer, To: nodeClosed, Count: []Counter{CTCPTimeouts, CTCPAbortOnTimeout}, Error: errTimeout,
				Source: "tcp_write_timeout: tcp_orphan_retries, or tcp_retries2 while a process holds it"},
		)...)
	}
	for _, from := range []Node{nodeFinWait1Any, nodeFinWait2, nodeFinWait2O, nodeClosingAny, nodeLastAckAny} {
		out = append(out, rowsFrom(from,
			Transition{On: OnRST, To: nodeClosed, Error: errReset, Source: "RFC 9293 3.10.7.4; tcp_reset"},
			Transition{On: OnACK, Source: "RFC 9293 3.10.7.4; tcp_ack"},
			Transition{On: OnBadACK, When: IfLimited, Count: []Counter{CTCPACKSkippedChallenge}, Source: "tcp_send_challenge_ack"},
			Transition{On: OnBadACK, Send: []Reply{SendACK}, Count: []Counter{CTCPChallengeACK}, Source: "RFC 9293 3.10.7.4; tcp_rcv_state_process"},
		)...)
	}
	for _, from := range []Node{nodeFinWait1, nodeFinWait2} {
		out = append(out, rowsFrom(from,
			Transition{On: OnCloseUnread, To: nodeClosed, Send: []Reply{SendRST}, Count: []Counter{CTCPAbortOnClose, COutRsts}, Source: "RFC 2525 2.17; tcp_close"},
			Transition{On: OnCloseLinger, To: nodeClosed, Send: []Reply{SendRST}, Count: []Counter{CTCPAbortOnData, COutRsts}, Source: "tcp_close, tcp_disconnect"},
		)...)
	}
	for _, from := range []Node{nodeClosing, nodeLastAck} {
		out = append(out, rowsFrom(from,
			Transition{On: OnCloseUnread, To: nodeClosed, Send: []Reply{SendRST}, Count: []Counter{CTCPAbortOnClose, COutRsts}, Source: "RFC 2525 2.17; tcp_close"},
			Transition{On: OnCloseLinger, To: nodeClosed, Count: []Counter{CTCPAbortOnData}, Source: "tcp_disconnect: the FIN has been sent, so no RST"},
		)...)
	}
	return out
}

func everyValidationRow() []Transition {
	var out []Transition
	for _, from := range validated {
		out = append(out, validationRows(from)...)
	}
	return out
}
