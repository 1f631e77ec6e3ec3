package model

// Counter is the name of a kernel counter as [facts.Counters] spells it:
// "TcpExt.ListenDrops".
type Counter string

// The counters that the transition table and the queue rules name.
const (
	CActiveOpens    Counter = "Tcp.ActiveOpens"
	CPassiveOpens   Counter = "Tcp.PassiveOpens"
	CAttemptFails   Counter = "Tcp.AttemptFails"
	CEstabResets    Counter = "Tcp.EstabResets"
	CCurrEstabPlus  Counter = "Tcp.CurrEstab+1" // the gauge rises by one
	CCurrEstabMinus Counter = "Tcp.CurrEstab-1" // the gauge falls by one
	COutRsts        Counter = "Tcp.OutRsts"
	CInErrs         Counter = "Tcp.InErrs"
	CRetransSegs    Counter = "Tcp.RetransSegs"
	COutNoRoutes    Counter = "Ip.OutNoRoutes"

	CSyncookiesSent         Counter = "TcpExt.SyncookiesSent"
	CSyncookiesRecv         Counter = "TcpExt.SyncookiesRecv"
	CSyncookiesFailed       Counter = "TcpExt.SyncookiesFailed"
	CEmbryonicRsts          Counter = "TcpExt.EmbryonicRsts"
	CListenOverflows        Counter = "TcpExt.ListenOverflows"
	CListenDrops            Counter = "TcpExt.ListenDrops"
	CTCPReqQFullDrop        Counter = "TcpExt.TCPReqQFullDrop"
	CTCPReqQFullDoCookies   Counter = "TcpExt.TCPReqQFullDoCookies"
	CTCPDeferAcceptDrop     Counter = "TcpExt.TCPDeferAcceptDrop"
	CTCPMigrateReqSuccess   Counter = "TcpExt.TCPMigrateReqSuccess"
	CTCPMigrateReqFailure   Counter = "TcpExt.TCPMigrateReqFailure"
	CTCPTimeouts            Counter = "TcpExt.TCPTimeouts"
	CTCPSynRetrans          Counter = "TcpExt.TCPSynRetrans"
	CTCPAbortOnTimeout      Counter = "TcpExt.TCPAbortOnTimeout"
	CTCPAbortOnData         Counter = "TcpExt.TCPAbortOnData"
	CTCPAbortOnClose        Counter = "TcpExt.TCPAbortOnClose"
	CTCPAbortOnLinger       Counter = "TcpExt.TCPAbortOnLinger"
	CTCPAbortOnMemory       Counter = "TcpExt.TCPAbortOnMemory"
	CTW                     Counter = "TcpExt.TW"
	CTWKilled               Counter = "TcpExt.TWKilled"
	CTWRecycled             Counter = "TcpExt.TWRecycled"
	CTCPTimeWaitOverflow    Counter = "TcpExt.TCPTimeWaitOverflow"
	CPAWSEstab              Counter = "TcpExt.PAWSEstab"
	CPAWSOldAck             Counter = "TcpExt.PAWSOldAck"
	CPAWSTimewait           Counter = "TcpExt.PAWSTimewait"
	CTSEcrRejected          Counter = "TcpExt.TSEcrRejected"
	CBeyondWindow           Counter = "TcpExt.BeyondWindow"
	CTCPChallengeACK        Counter = "TcpExt.TCPChallengeACK"
	CTCPSYNChallenge        Counter = "TcpExt.TCPSYNChallenge"
	CTCPACKSkippedSynRecv   Counter = "TcpExt.TCPACKSkippedSynRecv"
	CTCPACKSkippedPAWS      Counter = "TcpExt.TCPACKSkippedPAWS"
	CTCPACKSkippedSeq       Counter = "TcpExt.TCPACKSkippedSeq"
	CTCPACKSkippedFinWait2  Counter = "TcpExt.TCPACKSkippedFinWait2"
	CTCPACKSkippedTimeWait  Counter = "TcpExt.TCPACKSkippedTimeWait"
	CTCPACKSkippedChallenge Counter = "TcpExt.TCPACKSkippedChallenge"
	CTCPKeepAlive           Counter = "TcpExt.TCPKeepAlive"
	CTCPWinProbe            Counter = "TcpExt.TCPWinProbe"
	CTCPZeroWindowDrop      Counter = "TcpExt.TCPZeroWindowDrop"
	CTCPRcvQDrop            Counter = "TcpExt.TCPRcvQDrop"
)
