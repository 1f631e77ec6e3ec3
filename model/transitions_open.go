package model

const (
	errRefused     = "ECONNREFUSED"
	errReset       = "ECONNRESET"
	errPipe        = "EPIPE"
	errTimeout     = "ETIMEDOUT"
	errUnreachable = "EHOSTUNREACH"
	errNoAddress   = "EADDRNOTAVAIL"
)

// transitionsOpen is the table of CLOSED, LISTEN, SYN_SENT and the full socket
// in SYN_RECV.
var transitionsOpen = []Transition{
	{From: nodeClosed, On: OnConnect, To: nodeSynSent, Send: []Reply{SendSYN}, Count: []Counter{CActiveOpens},
		Source: "RFC 9293 3.10.1; tcp_connect"},
	{From: nodeClosed, On: OnListen, To: nodeListen, Source: "RFC 9293 3.10.1; inet_csk_listen_start"},
	{From: nodeClosed, On: OnRST, To: nodeClosed, Source: "RFC 9293 3.10.7.1; tcp_v4_send_reset"},
	{From: nodeClosed, On: OnSegment, To: nodeClosed, Send: []Reply{SendRST}, Count: []Counter{COutRsts},
		Source: "RFC 9293 3.10.7.1; tcp_v4_send_reset"},

	{From: nodeListen, On: OnSYN, When: IfStored, To: nodeListen, Spawns: nodeRequest,
		Source: "RFC 9293 3.10.7.2; tcp_conn_request. Linux clones nothing yet: it stores a small request"},
	{From: nodeListen, On: OnSYN, When: IfCookie, To: nodeListen, Send: []Reply{SendSYNACK},
		Source: "RFC 4987 3.6; tcp_conn_request, cookie_init_sequence"},
	{From: nodeListen, On: OnSYN, When: IfRefused, To: nodeListen, Source: "tcp_conn_request"},
	{From: nodeListen, On: OnACK, When: IfCookieRoom, To: nodeListen, Spawns: nodeEstablished,
		Count: []Counter{CSyncookiesRecv, CPassiveOpens, CCurrEstabPlus}, Source: "RFC 4987 3.6; cookie_v4_check"},
	{From: nodeListen, On: OnACK, When: IfCookieFull, To: nodeListen,
		Count: []Counter{CSyncookiesRecv, CListenOverflows, CListenDrops}, Source: "cookie_v4_check, tcp_get_cookie_sock"},
	{From: nodeListen, On: OnACK, When: IfOverflowed, To: nodeListen, Send: []Reply{SendRST},
		Count: []Counter{CSyncookiesFailed, COutRsts}, Source: "cookie_v4_check"},
	{From: nodeListen, On: OnACK, To: nodeListen, Send: []Reply{SendRST}, Count: []Counter{COutRsts},
		Source: "RFC 9293 3.10.7.2; tcp_v4_send_reset"},
	{From: nodeListen, On: OnRST, To: nodeListen, Source: "RFC 9293 3.10.7.2"},
	{From: nodeListen, On: OnSYNFIN, To: nodeListen, Source: "tcp_rcv_state_process drops SYN+FIN"},
	{From: nodeListen, On: OnClose, To: nodeClosed,
		Source: "RFC 9293 3.10.4; inet_csk_listen_stop. Queued children are reset, half-open entries are told nothing"},

	{From: nodeSynSent, On: OnSYNACK, To: nodeEstablished, Send: []Reply{SendACK}, Count: []Counter{CCurrEstabPlus},
		Source: "RFC 9293 3.10.7.3; tcp_rcv_synsent_state_process"},
	{From: nodeSynSent, On: OnRST, To: nodeClosed, Count: []Counter{CAttemptFails}, Error: errRefused,
		Source: "RFC 9293 3.10.7.3; tcp_reset"},
	{From: nodeSynSent, On: OnRSTOther, To: nodeSynSent, Source: "RFC 9293 3.10.7.3"},
	{From: nodeSynSent, On: OnRSTBadACK, When: IfResending, To: nodeSynSent, Send: []Reply{SendSYN},
		Count: []Counter{CTCPTimeouts, CTCPSynRetrans, CRetransSegs}, Source: "tcp_rcv_synsent_state_process: the peer may have an old connection"},
	{From: nodeSynSent, On: OnRSTBadACK, To: nodeSynSent, Source: "RFC 9293 3.10.7.3"},
	{From: nodeSynSent, On: OnBadACK, When: IfResending, To: nodeSynSent, Send: []Reply{SendRST, SendSYN},
		Count: []Counter{COutRsts, CTCPTimeouts, CTCPSynRetrans, CRetransSegs}, Source: "RFC 9293 3.10.7.3; tcp_rcv_synsent_state_process"},
	{From: nodeSynSent, On: OnBadACK, To: nodeSynSent, Send: []Reply{SendRST}, Count: []Counter{COutRsts},
		Source: "RFC 9293 3.10.7.3; tcp_rcv_synsent_state_process"},
	{From: nodeSynSent, On: OnSYN, To: nodeSynRecv, Send: []Reply{SendSYNACK},
		Source: "RFC 9293 3.5 (simultaneous open); tcp_rcv_synsent_state_process"},
	{From: nodeSynSent, On: OnICMP, When: IfLocked, To: nodeSynSent, Source: "tcp_v4_err: only a soft error is kept"},
	{From: nodeSynSent, On: OnICMP, To: nodeClosed, Count: []Counter{CAttemptFails}, Error: errUnreachable,
		Source: "RFC 9293 3.9.2.2; tcp_v4_err"},
	{From: nodeSynSent, On: OnTimer, To: nodeSynSent, Send: []Reply{SendSYN},
		Count: []Counter{CTCPTimeouts, CTCPSynRetrans, CRetransSegs}, Source: "RFC 6298 5; tcp_retransmit_timer"},
	{From: nodeSynSent, On: OnLastTimer, To: nodeClosed, Count: []Counter{CTCPTimeouts, CAttemptFails, CTCPAbortOnTimeout},
		Error: errTimeout, Source: "RFC 9293 3.8.3; tcp_write_timeout"},
	{From: nodeSynSent, On: OnClose, To: nodeClosed, Source: "RFC 9293 3.10.4; tcp_close_state"},

	{From: nodeSynRecv, On: OnACK, To: nodeEstablished, Count: []Counter{CCurrEstabPlus},
		Source: "RFC 9293 3.10.7.4; tcp_rcv_state_process. PassiveOpens does not rise"},
	{From: nodeSynRecv, On: OnSYNACK, To: nodeEstablished, Send: []Reply{SendACK}, Count: []Counter{CCurrEstabPlus},
		Source: "RFC 9293 3.5: the SYN+ACKs of a simultaneous open cross; tcp_validate_incoming"},
	{From: nodeSynRecv, On: OnBadACK, To: nodeSynRecv, Send: []Reply{SendRST}, Count: []Counter{COutRsts},
		Source: "RFC 9293 3.10.7.4; tcp_rcv_state_process"},
	{From: nodeSynRecv, On: OnRST, To: nodeClosed, Count: []Counter{CAttemptFails}, Error: errReset,
		Source: "RFC 9293 3.10.7.4; tcp_reset"},
	{From: nodeSynRecv, On: OnTimer, To: nodeSynRecv, Send: []Reply{SendSYNACK},
		Count: []Counter{CTCPTimeouts, CTCPSynRetrans, CRetransSegs}, Source: "tcp_retransmit_timer"},
	{From: nodeSynRecv, On: OnLastTimer, To: nodeClosed, Count: []Counter{CTCPTimeouts, CAttemptFails, CTCPAbortOnTimeout},
		Error: errTimeout, Source: "tcp_write_timeout"},
	{From: nodeSynRecv, On: OnClose, To: nodeFinWait1O, Send: []Reply{SendFIN}, Source: "RFC 9293 3.10.4; tcp_close_state"},
}

// transitionsRequest is the table of a half-open entry of a listener
// (tcp_check_req, reqsk_timer_handler).
var transitionsRequest = []Transition{
	{From: nodeRequest, On: OnACK, When: IfListenerGone, To: nodeClosed, Send: []Reply{SendRST}, Count: []Counter{COutRsts},
		Source: "tcp_v4_rcv"},
	{From: nodeRequest, On: OnACK, When: IfDeferred, To: nodeRequest, Count: []Counter{CTCPDeferAcceptDrop}, Source: "tcp_check_req"},
	{From: nodeRequest, On: OnACK, When: IfFull, To: nodeRequest, Count: []Counter{CListenOverflows, CListenDrops},
		Source: "tcp_v4_syn_recv_sock. The client is ESTABLISHED already"},
	{From: nodeRequest, On: OnACK, When: IfAborting, To: nodeClosed, Send: []Reply{SendRST},
		Count: []Counter{CListenOverflows, CListenDrops, CEmbryonicRsts, COutRsts}, Source: "tcp_check_req, tcp_abort_on_overflow"},
	{From: nodeRequest, On: OnACK, When: IfRoom, To: nodeEstablished, Count: []Counter{CPassiveOpens, CCurrEstabPlus},
		Source: "RFC 9293 3.10.7.4; tcp_v4_syn_recv_sock"},
	{From: nodeRequest, On: OnSYNRepeat, To: nodeRequest, Send: []Reply{SendSYNACK}, Count: []Counter{CTCPSynRetrans, CRetransSegs},
		Source: "tcp_check_req"},
	{From: nodeRequest, On: OnBadACK, To: nodeRequest, Send: []Reply{SendRST}, Count: []Counter{COutRsts},
		Source: "RFC 9293 3.10.7.4; tcp_check_req"},
	{From: nodeRequest, On: OnRST, To: nodeClosed, Count: []Counter{CAttemptFails, CEmbryonicRsts},
		Source: "RFC 9293 3.10.7.4; tcp_check_req. The listener does not notice"},
	{From: nodeRequest, On: OnRSTNear, When: IfChallenging, To: nodeRequest, Send: []Reply{SendACK}, Count: []Counter{CTCPChallengeACK},
		Source: "RFC 5961 3.2; tcp_check_req"},
	{From: nodeRequest, On: OnRSTNear, When: IfDeleting, To: nodeClosed, Count: []Counter{CAttemptFails, CEmbryonicRsts},
		Source: "tcp_check_req"},
	{From: nodeRequest, On: OnRSTOther, To: nodeRequest, Source: "tcp_check_req"},
	{From: nodeRequest, On: OnSYN, To: nodeClosed, Send: []Reply{SendRST}, Count: []Counter{CAttemptFails, CEmbryonicRsts, COutRsts},
		Source: "tcp_check_req"},
	{From: nodeRequest, On: OnPAWS, When: IfLimited, To: nodeRequest, Count: []Counter{CPAWSEstab, CTCPACKSkippedSynRecv},
		Source: "tcp_oow_rate_limited"},
	{From: nodeRequest, On: OnPAWS, To: nodeRequest, Send: []Reply{SendACK}, Count: []Counter{CPAWSEstab}, Source: "RFC 7323 5; tcp_check_req"},
	{From: nodeRequest, On: OnBadEcho, When: IfLimited, To: nodeRequest, Count: []Counter{CTSEcrRejected, CTCPACKSkippedSynRecv},
		Source: "tcp_oow_rate_limited"},
	{From: nodeRequest, On: OnBadEcho, To: nodeRequest, Send: []Reply{SendACK}, Count: []Counter{CTSEcrRejected}, Source: "tcp_check_req"},
	{From: nodeRequest, On: OnOld, When: IfLimited, To: nodeRequest, Count: []Counter{CTCPACKSkippedSynRecv}, Source: "tcp_oow_rate_limited"},
	{From: nodeRequest, On: OnOld, To: nodeRequest, Send: []Reply{SendACK}, Source: "RFC 9293 3.10.7.4; tcp_check_req"},
	{From: nodeRequest, On: OnBeyond, When: IfLimited, To: nodeRequest, Count: []Counter{CTCPACKSkippedSynRecv}, Source: "tcp_oow_rate_limited"},
	{From: nodeRequest, On: OnBeyond, To: nodeRequest, Send: []Reply{SendACK}, Source: "RFC 9293 3.10.7.4; tcp_check_req"},
	{From: nodeRequest, On: OnTimer, To: nodeRequest, Send: []Reply{SendSYNACK},
		Count: []Counter{CTCPTimeouts, CTCPSynRetrans, CRetransSegs}, Source: "reqsk_timer_handler"},
	{From: nodeRequest, On: OnLastTimer, To: nodeClosed, Count: []Counter{CTCPTimeouts},
		Source: "reqsk_timer_handler. Nothing is sent: a client that thinks it is connected learns it from the RST to its next segment"},
	{From: nodeRequest, On: OnICMP, To: nodeClosed, Count: []Counter{CListenDrops}, Source: "tcp_v4_err, tcp_req_err"},
	{From: nodeRequest, On: OnListenerClosed, To: nodeRequest, Source: "inet_csk_listen_stop leaves half-open entries to their timers"},
}
