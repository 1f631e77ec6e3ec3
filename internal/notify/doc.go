// Package notify tells alerts to whoever is to know: an Alertmanager, a webhook,
// the journal or a syslog server, a command. Each receiver has its own goroutine
// and reads its own queue in order, so that one which is down, slow, or talks
// nonsense delays nobody else, and nobody waits for any of them.
//
// A message is taken off its queue once its receiver has it: delivery is at
// least once, and what was sent but could not be taken off is sent again. What
// cannot be delivered now is tried again, with growing pauses, for as long as
// there is a queue to keep it; only what a receiver refuses again and again is
// given up, because it must not keep back what comes after it. The package
// refuses to judge: which alerts there are, and when they repeat, is decided
// before.
//
// # Configuration
//
// [Config] with every kind of receiver, as a file spells it. All but url, urls,
// argv and the address of a syslog server may be left out.
//
//	alertmanager:
//	  - urls: [https://am-1.example.org:9093, https://am-2.example.org:9093]
//	    basic-auth: {username: tcpdoctor, password-file: /etc/tcpdoctor/am.password}
//	    tls: {ca-file: /etc/tcpdoctor/ca.pem}
//	    resend: 1m
//	webhook:
//	  - name: ticket
//	    url: https://tickets.example.org/hooks/tcp
//	    secret-file: /etc/tcpdoctor/ticket.secret
//	    min-severity: warning
//	    match: {netns: [host, "db*"]}
//	    timeout: 10s
//	syslog:
//	  - transport: journal
//	    send-resolved: false
//	command:
//	  - argv: [/usr/local/bin/page, --team, network]
//	    min-severity: critical
//
// # Alertmanager
//
// An Alertmanager keeps no alerts on disk and forgets those that nobody
// repeats. What fires is therefore posted again every resend interval
// ([Dispatcher.SetActive]), each time with an end four intervals ahead, to every
// URL of the cluster; what was resolved is posted for 15 minutes more. Either
// side may be restarted at any time: Alertmanager knows the alerts again within
// one interval, and its own log of notifications keeps it from telling twice.
// When the agent is gone for good its alerts end by themselves.
//
// # Webhooks and their signature
//
// A webhook receives one POST per message. The body is a JSON document, see
// [Document]. These headers come with it:
//
//	Idempotency-Key         <uid>-<status>-<repeat>; the same for every attempt
//	X-Tcpdoctor-Timestamp   seconds since 1970 at which this attempt was signed
//	X-Tcpdoctor-Signature   sha256=<hex>, HMAC-SHA256 over timestamp, ".", body
//
// The last two are there when a secret-file is configured. To verify a message:
//
//  1. Read the whole body, as bytes, before anything decodes it.
//  2. Refuse it when the timestamp is further than five minutes from now: it may
//     be an old message played back.
//  3. Compute the HMAC with the shared secret, and compare it with the signature
//     in constant time.
//  4. Remember the Idempotency-Key for some hours and take each one once: a
//     message is repeated when the answer to it was lost.
//
// [Verify] does the second and the third. With a shell and openssl:
//
//	printf %s.%s "$timestamp" "$body" | openssl dgst -sha256 -hmac "$secret"
//
// Every answer of 2xx takes the message. 408, 429 and all of 5xx say "later"
// (Retry-After is kept to); any other 4xx, and a redirect, refuse it.
//
// # Commands
//
// A command is a list of arguments and is never given to a shell. It gets the
// document on its standard input and the main facts in its environment, see
// [CommandConfig]. Exit code 0 takes the message, 75 (EX_TEMPFAIL of sysexits.h)
// says "later", any other refuses it for now.
package notify
