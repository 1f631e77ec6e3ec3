package model

import "math"

// LimitLoad is a table or pool with a limit: connection tracking, neighbours,
// orphans, TCP memory, the per-CPU backlog.
type LimitLoad struct {
	Used             float64
	Limit            float64
	RefusedPerSecond float64
	// GrowthPerSecond is by how much Used grows without end, 0 if it does not.
	GrowthPerSecond float64
	// Critical tells that a smaller limit breaks something even while it is
	// not reached.
	Critical bool
}

// PredictLimit returns what another limit would do.
func PredictLimit(l LimitLoad, limit float64) Effect {
	share := func(of float64) float64 {
		if of <= 0 {
			return 100
		}
		return math.Round(1000*l.Used/of) / 10
	}
	figures := []Figure{{FigureUsed, share(l.Limit), share(limit), "%"}}
	if l.RefusedPerSecond > 0 {
		after := l.RefusedPerSecond
		if limit > l.Limit {
			after = 0
		}
		figures = append(figures, Figure{FigureDrops, l.RefusedPerSecond, after, "/s"})
	}
	switch {
	case limit == l.Limit:
		return effect(NoEffect, "the limit is that already", figures...)
	case limit < l.Limit && (l.Critical || limit < 2*l.Used):
		return effect(Harmful, "a smaller limit refuses or resets what a larger one bears", figures...)
	case limit < l.Limit:
		return effect(NoEffect, "the limit is far from being reached", figures...)
	case l.RefusedPerSecond <= 0 && share(l.Limit) < 80:
		return effect(NoEffect, "the limit is not reached", figures...)
	case l.GrowthPerSecond > 0:
		figures = append(figures, Figure{FigurePostponed, 0, (limit - l.Limit) / l.GrowthPerSecond, "s"})
		return effect(Helps, "the table has room again, for a time: it grows without end", figures...)
	default:
		return effect(Helps, "the table has room again", figures...)
	}
}
