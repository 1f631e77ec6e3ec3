package sysctl

import (
	"math"
	"strconv"
)

var groupMemory = Group{Name: "memory", Title: "Files and memory of the host", Specs: []Spec{
	{
		Key: "fs.file-max", Title: "open files of the whole host",
		Type: TypeInt, Range: Range{8192, math.MaxInt64},
		Default: computed("a tenth of memory in KiB; systemd 240 and later sets the maximum at boot", func(e Env) (Default, bool) {
			if e.RAMBytes == 0 {
				return Default{}, false
			}
			return Default{strconv.FormatUint(max(e.RAMBytes/10240, 8192), 10), false}, true
		}),
		KernelCheck: "anything", Scope: ScopeHost, Takes: TakesLive, Risk: RiskCaution, RiskLower: RiskDangerous, RiskRaise: RiskSafe,
		Solves: "\"file-max limit reached\" and ENFILE", SideEffects: "lowering it stops services", Doc: docFS, Source: sourceCode, Relevant: true,
	},
	{
		Key: "fs.nr_open", Title: "highest value of the limit on a process's open files",
		Type: TypeInt, Range: Range{1024, 1 << 30}, Default: always("1048576"), KernelCheck: "at least 64", Scope: ScopeHost, Takes: TakesRlimit,
		TakesNote: "systemd 240 and later raises it at boot", Risk: RiskCaution, RiskLower: RiskDangerous, RiskRaise: RiskSafe,
		Solves: "services that cannot raise their descriptor limit", SideEffects: "lowering it breaks services and logins", Doc: docFS, Source: sourceCode,
		Relevant: true,
	},
	{
		Key: "vm.min_free_kbytes", Title: "memory kept free for urgent requests",
		Type: TypeInt, Unit: Kibibytes, Range: Range{1024, 1 << 30},
		Default:     untold("the square root of 16 × memory in KiB; huge-page code may raise it"),
		KernelCheck: "negative numbers are refused", Scope: ScopeHost, Takes: TakesLive, Risk: RiskDangerous,
		Solves: "network drivers that cannot get memory", SideEffects: "below 1024 the host can lock up, above five percent of memory it runs out", Doc: docVM,
		Source: sourceCode, Relevant: true,
	},
}}
