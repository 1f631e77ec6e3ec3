// Package model is an executable specification of how Linux manages TCP
// connections: RFC 9293 plus every place where Linux differs from it.
//
// It answers four questions. What may happen next, and who must act (the
// transition table, [Conn.Step], [DwellOf]); how long may this last (schedules and
// bounds); what do these queues do under this load ([SynQueue], [AcceptQueue],
// [Simulate]); and what would change if a setting changed (the predictors,
// which answer with an [Effect]).
//
// Everything here is a pure function of its arguments. The package opens no
// file, reads no clock, no environment and no random source it was not given.
// What differs between kernels is a [Dialect], what an administrator may
// change is a [Settings]; both are arguments everywhere.
package model
