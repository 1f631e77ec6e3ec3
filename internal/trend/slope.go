package trend

import (
	"math"
	"slices"
)

// confidence is how many standard deviations the bounds of a slope are away: 99
// of 100 slopes lie within.
const confidence = 2.576

// slope is what the points of a series say of its growth.
type slope struct {
	perHour, low, high float64
	tau                float64
}

// theilSen returns the median of the slopes between any two points of the same
// run, the bounds by Kendall's statistic (Sen 1968), and Kendall's tau. hours are
// the times of the points, ascending; first are the positions at which runs begin.
func theilSen(hours, values []float64, first []int) slope {
	var slopes []float64
	var concordant, pairs int
	var variance float64
	for r := range first {
		from, to := first[r], len(values)
		if r+1 < len(first) {
			to = first[r+1]
		}
		n := float64(to - from)
		variance += n * (n - 1) * (2*n + 5) / 18
		variance -= tied(values[from:to])
		for i := from; i < to; i++ {
			for j := i + 1; j < to; j++ {
				pairs++
				switch {
				case values[j] > values[i]:
					concordant++
				case values[j] < values[i]:
					concordant--
				}
				slopes = append(slopes, (values[j]-values[i])/(hours[j]-hours[i]))
			}
		}
	}
	if pairs == 0 {
		return slope{}
	}
	slices.Sort(slopes)
	margin := confidence * math.Sqrt(max(0, variance))
	at := func(x float64) float64 { return slopes[min(max(0, int(x)), len(slopes)-1)] }
	return slope{
		perHour: median(slopes), tau: float64(concordant) / float64(pairs),
		low: at(math.Floor((float64(pairs) - margin) / 2)), high: at(math.Ceil((float64(pairs) + margin) / 2)),
	}
}

// tied is what equal values take off the variance of Kendall's statistic.
func tied(values []float64) float64 {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	var sum float64
	for i := 0; i < len(sorted); {
		j := i
		for j < len(sorted) && sorted[j] == sorted[i] {
			j++
		}
		n := float64(j - i)
		sum += n * (n - 1) * (2*n + 5) / 18
		i = j
	}
	return sum
}

// median returns the middle of sorted values; 0 of none.
func median(sorted []float64) float64 {
	n := len(sorted)
	switch {
	case n == 0:
		return 0
	case n%2 == 1:
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// spread returns the median and the median distance from it, times 1.4826: then
// it is the standard deviation where values are normally distributed.
func spread(values []float64) (middle, deviation float64) {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	middle = median(sorted)
	for i, v := range sorted {
		sorted[i] = math.Abs(v - middle)
	}
	slices.Sort(sorted)
	return middle, 1.4826 * median(sorted)
}
