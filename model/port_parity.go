package model

// ConnectParity returns which ports of a range connect() looks at first, if the
// application left the choice to it: those whose number modulo 2 is this, the
// parity of the low end (__inet_hash_connect). The other half follows when they
// are used up.
func ConnectParity(r PortRange) uint16 { return r.Low % 2 }

// BindParity is [ConnectParity] for bind() to port 0, which looks at the other
// half first, so that both stay out of each other's way (inet_csk_find_open_port).
func BindParity(r PortRange) uint16 { return 1 - r.Low%2 }
