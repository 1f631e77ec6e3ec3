package lab

import (
	"encoding/json"
	"io"
	"os"
)

// partVariable is the environment variable that makes the program an actor.
const partVariable = "TCPDOCTOR_LAB_ACTOR"

// Main plays the part of an actor and exits, if the process was started as one;
// otherwise it returns at once. A program that uses the lab calls it first thing
// in main, and in TestMain.
func Main() {
	text, ok := os.LookupEnv(partVariable)
	if !ok {
		return
	}
	os.Exit(playPart(text, os.Stdin, os.Stdout))
}

// playPart reads the part, plays it and returns the exit code.
func playPart(text string, in io.Reader, out io.Writer) int {
	var p part
	err := json.Unmarshal([]byte(text), &p)
	if err == nil {
		err = play(p, in, out)
	}
	if err == nil {
		return 0
	}
	_ = json.NewEncoder(out).Encode(Status{Error: err.Error()})
	return 1
}
