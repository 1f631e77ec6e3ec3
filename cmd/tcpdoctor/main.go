package main

import (
	"context"
	"os"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
)

func main() {
	lab.Main() // a fault starts this program anew to play a part in it
	os.Exit(run(context.Background(), os.Args[1:], system()))
}
