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
// With -attribution it measures how long it takes to find the owners of sockets
// among many descriptors. With -watch it spreads the sockets over -namespaces, and
// measures each part of watching them continuously; with -for as well, what all
// parts in their turn cost on average, as in the agent:
//
//	go run ./sockdiag/bench -watch -sockets 1000000 -namespaces 20 -for 10m
//
// The floor is a loop that asks for the same attributes as the census,
// receives, and only steps from one netlink header to the next: what the
// kernel and the copy cost. Nothing that reads those answers can be faster.
package main
