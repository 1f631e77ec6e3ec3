package fix_test

import (
	"fmt"

	"github.com/tcpdoctor/tcpdoctor/internal/fix"
)

// A change that was predicted to end 37 drops a second left 1 of them.
func ExampleCase_Judge() {
	c := fix.Case{
		Expected: []fix.Expected{{Name: "drops", Unit: "/s", Predicted: 0, Low: 0, High: 1.85}},
		Before:   []fix.Reading{{Name: "drops", Unit: "/s", Value: 37, Harm: true}},
	}
	j := c.Judge([]fix.Reading{{Name: "drops", Unit: "/s", Value: 1, Harm: true}}, true, false)
	fmt.Println(j.Outcome, "·", j.Why)
	for _, f := range j.Figures {
		fmt.Println(f.Name, fix.Span(*f.Before, " → ", *f.After, f.Unit), "within the range:", *f.Within)
	}
	// Output:
	// better · it is less than before, and not over
	// drops 37/s → 1/s within the range: true
}
