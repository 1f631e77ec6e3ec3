package conformance_test

import (
	"fmt"
	"os"

	"github.com/tcpdoctor/tcpdoctor/internal/conformance"
)

func ExampleReport_WriteText() {
	report := conformance.Report{
		Kernel: "6.18.0",
		Comparisons: []conformance.Comparison{{
			Subject: "accept-queue", Scenario: "limits", Family: "ipv4",
			What: "length and limit when full", Model: "5 of 4", Kernel: "5 of 4", Agree: true,
		}, {
			Subject: "accept-queue", Scenario: "limits", Family: "ipv6",
			What: "length and limit when full", Model: "5 of 4", Kernel: "4 of 4",
		}},
		Subjects: []conformance.Subject{{Name: "accept-queue", Comparisons: 2, Agree: 1, Unlisted: 1}},
	}
	if err := report.WriteText(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// Linux 6.18.0: model and kernel compared 2 times in 0 s
	//
	//        subject  compared  agree  known  differ
	//   accept-queue         2      1      0       1
	//            all         2      1      0       1
	//
	// differs  accept-queue / limits / ipv6: length and limit when full
	//   model   5 of 4
	//   kernel  4 of 4
}
