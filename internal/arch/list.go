package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// module is the path that every package of the project begins with.
const module = "github.com/tcpdoctor/tcpdoctor"

// listed is what `go list` says of one package.
type listed struct {
	Dir, ImportPath, Name              string
	Export                             string
	GoFiles                            []string
	Imports, TestImports, XTestImports []string
}

// rel is the package's path below the module, and false for other modules.
func (p listed) rel() (string, bool) { return relative(p.ImportPath) }

// relative is an import path below the module, and false for other modules.
func relative(importPath string) (string, bool) {
	return strings.CutPrefix(importPath, module+"/")
}

// goList runs `go list -json` in a folder for one system ("" for the running
// one), which limits the files that count.
func goList(dir, goos string, args ...string) ([]listed, error) {
	const fields = "-json=Dir,ImportPath,Name,Export,GoFiles,Imports,TestImports,XTestImports"
	cmd := exec.Command("go", append([]string{"list", fields}, args...)...)
	cmd.Dir = dir
	if goos != "" {
		cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0")
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("arch: go list: %w: %s", err, stderr.Bytes())
	}
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("arch: go list: %w", err)
		}
		all = append(all, p)
	}
}
