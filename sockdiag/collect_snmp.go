package sockdiag

import "github.com/tcpdoctor/tcpdoctor/facts"

// collectSNMP reads the groups Ip, Icmp and Tcp.
var collectSNMP = collector{
	source: facts.SourceSNMP, scope: perNamespace, limit: defaultLimit, required: true,
	read: func(t tree, out *reading) error {
		return t.readInto(t.net("snmp"), func(b []byte) error {
			return parsePairs(b, wantedSNMP, out)
		})
	},
}

func wantedSNMP(group string) bool {
	return group == "Ip" || group == "Icmp" || group == "Tcp"
}
