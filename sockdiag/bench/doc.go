// Bench measures what a census of one namespace costs, beside other ways to
// list its TCP sockets, in one run:
//
//	go run ./sockdiag/bench -sockets 100000
//
// It makes idle loopback connections in a namespace of its own, each of which
// is two sockets there, held by as many processes as the descriptor limit
// calls for. Then it runs every method in turn, each in a process of its own
// and several rounds over, and prints medians and ratios. It takes the right
// to make a namespace: root, or `unshare -rn`.
//
// The floor is a loop that asks for the same attributes as the census,
// receives, and only steps from one netlink header to the next: what the
// kernel and the copy cost. Nothing that reads those answers can be faster.
package main
