package sysctl

import (
	"os"
	"slices"
	"strings"
)

// StrayFiles returns the files below a root that lie in the configuration folders
// and that no reader takes in, because their name does not end in .conf. What is
// plainly not meant to be read is left out: notes, and what editors and packagers
// set aside.
func StrayFiles(root string) []string {
	var out []string
	for _, dir := range confDirs {
		real, err := resolve(root, dir)
		if err != nil {
			continue
		}
		entries, err := os.ReadDir(real)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if e.Type().IsRegular() && isStray(e.Name()) && !slices.Contains(out, dir+"/"+e.Name()) {
				out = append(out, dir+"/"+e.Name())
			}
		}
	}
	return out
}

// isStray says whether somebody may take the file of this name for one that is
// read.
func isStray(name string) bool {
	if strings.HasSuffix(name, ".conf") || strings.HasPrefix(name, ".") || strings.HasPrefix(strings.ToUpper(name), "README") {
		return false
	}
	for _, aside := range []string{"~", ".bak", ".orig", ".old", ".save", ".swp", ".tmp", ".disabled", ".rpmsave", ".rpmnew", ".rpmorig", "-dist", "-old", "-new", "-bak"} {
		if strings.HasSuffix(name, aside) {
			return false
		}
	}
	return true
}
