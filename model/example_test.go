package model_test

import (
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/model"
)

func ExampleConn_Step() {
	d := model.NewDialect(model.Probe{Release: "6.18.44"})
	c := model.NewConn(model.NewPolicy(model.DefaultSettings(d, 8<<30), d))
	for _, e := range []model.Event{
		{Kind: model.EvConnect, ISS: 1000},
		{Segment: model.Segment{Flags: model.SYN | model.ACK, Seq: 5000, Ack: 1001}},
		{Segment: model.Segment{Flags: model.FIN | model.ACK, Seq: 5001, Ack: 1001}},
		{Kind: model.EvClose},
	} {
		var actions []model.Action
		c, actions = c.Step(e)
		fmt.Print(c.Node)
		for _, a := range actions {
			if a.Kind == model.ActSend {
				fmt.Print(", sends ", a.Segment)
			}
		}
		fmt.Println()
	}
	// Output:
	// SYN_SENT, sends SYN seq=1000
	// ESTABLISHED, sends ACK seq=1001 ack=5001
	// CLOSE_WAIT, sends ACK seq=1001 ack=5002
	// LAST_ACK (orphan), sends FIN+ACK seq=1001 ack=5002
}

func ExamplePredictAccept() {
	load := model.AcceptLoad{
		Limit: 128, Somaxconn: 128, HighWater: 129, FullShare: 0.3, WindowSeconds: 5,
		ArrivalsPerSecond: 249, AcceptsPerSecond: 249, DropsPerSecond: 37,
	}
	e := model.PredictAccept(load, model.AcceptChange{Somaxconn: facts.Some(4096)})
	fmt.Println(e.Verdict)
	fmt.Println(e.Predicted)
	// Output:
	// needs-restart
	// drops 37/s → 0/s; queue would peak at 314; queue limit 129 → 4097 connections
}

func ExampleSimulate() {
	d := model.NewDialect(model.Probe{Release: "6.18.44"})
	c := model.SimDefaults(model.DefaultSettings(d, 8<<30), d)
	c.Backlog, c.Somaxconn = 511, 128
	c.Arrivals = []model.Arrivals{{Kind: model.ConstantArrivals, PerSecond: 100}}
	c.Service = model.Service{PerSecond: 350}
	c.Stalls = []model.Stall{{At: 10 * time.Second, Length: 2 * time.Second}}
	r, err := model.Simulate(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("peak %d of %d, %d refused in all\n", r.AcceptPeak, r.Limit, r.Counters.ListenDrops)
	// Output: peak 129 of 128, 71 refused in all
}

func ExampleDwellOf() {
	d := model.NewDialect(model.Probe{Release: "6.18.44"})
	s := model.DefaultSettings(d, 8<<30)
	s.FinTimeout = 62 * time.Second
	w := model.DwellOf(model.Node{State: facts.FinWait2, Object: model.TimeWaitObject}, s, 0)
	fmt.Printf("%s waits for %s, %v at most\n", w.Node, w.Waits, w.Most)
	// Output: FIN_WAIT2 (tw) waits for the peer's FIN, 2s at most
}
