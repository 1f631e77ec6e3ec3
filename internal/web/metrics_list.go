package web

// metric is one metric family: its name without the prefix "tcpdoctor_".
type metric struct {
	name   string
	help   string
	labels []string
}

// metrics lists all of them. Names and labels are those of the contract and do
// not change; further ones may come.
func metrics() []metric {
	listener := []string{"netns", "local", "comm"}
	receiver := []string{"receiver"}
	return []metric{
		{"finding_active", "1 for each open incident.", []string{"id", "severity", "cause", "netns", "subject"}},
		{"incidents", "Incidents by state: pending ones have not held for long enough to alert.", []string{"state"}},
		{"sockets", "Sockets by network namespace, family and TCP state, as of the last walk over all sockets.", []string{"netns", "family", "state"}},
		{"listener_accept_queue", "Connections waiting to be accepted: the most seen during the last tick, of the listener nearest to its limit where several share the address.", listener},
		{"listener_accept_queue_limit", "Limit of that queue: the smaller of the backlog and net.core.somaxconn when listen() was called. One more connection fits.", listener},
		{"listener_drops_total", "Connection attempts dropped by the listeners of an address since it was seen first. Health checks and repeated SYNs raise it too.", listener},
		{"ephemeral_ports_used_ratio", "Share of the usable local ports taken from a source to a destination address, by the busiest of its ports. Only the highest are told, from 0.01 up.", []string{"netns", "source", "destination"}},
		{"collect_seconds", "Time that collecting took in the last tick.", nil},
		{"collector_seconds", "Time that each collector took in the last tick.", []string{"collector"}},
		{"collect_errors_total", "How often a source could not be read.", []string{"source"}},
		{"rule_seconds", "Time that each rule took in the last tick, over all namespaces.", []string{"rule"}},
		{"build_info", "1, with the version of the program and of Go as labels.", []string{"version", "goversion"}},
		{"ready", "1 once the first judgement was made.", nil},
		{"last_collect_timestamp_seconds", "When the last tick was finished.", nil},
		{"census_age_seconds", "Time since the last walk over all sockets.", nil},
		{"ticks_total", "Ticks made.", nil},
		{"walks_total", "Walks over all sockets made.", nil},
		{"late_ticks_total", "Ticks that began late because the one before took too long.", nil},
		{"tick_interval_seconds", "Time from tick to tick, as it is now.", nil},
		{"walk_interval_seconds", "Time from walk to walk, as it is now.", nil},
		{"cpu_budget_cores", "Processor time the agent allows itself per second: 0.01 is one percent of one core.", nil},
		{"cpu_used_cores", "Processor time the agent used per second lately.", nil},
		{"interval_widened", "1 while the agent looks less often than it was told to, to stay within its budget.", nil},
		{"notify_sent_total", "Messages that a receiver took.", receiver},
		{"notify_failed_total", "Attempts to send that failed.", receiver},
		{"notify_dropped_total", "Messages lost because the queue of a receiver was full.", receiver},
		{"notify_queue_length", "Messages waiting for a receiver.", receiver},
		{"notify_last_success_timestamp_seconds", "When a receiver took a message last.", receiver},
		{"history_bytes", "Size of the history on disk.", nil},
		{"history_bytes_limit", "Size that the history may have.", nil},
		{"history_writable", "0 while nothing can be kept.", nil},
		{"history_errors_total", "Commits to the history that failed.", nil},
		{"history_oldest_timestamp_seconds", "When the oldest entry of the history was made.", nil},
		{"metrics_dropped_series", "Series left out or added up under \"other\" to keep their number bounded, by metric.", []string{"metric"}},
	}
}
