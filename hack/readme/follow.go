package readme

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
)

// Follower follows a page.
type Follower struct {
	// Page is its content, and Sections are the headings of what is run.
	Page     string
	Sections []string
	// Nodes says that the cluster runs containers. Without nodes, commands that need one (kubectl exec) are left out.
	Nodes bool
	// Replace has, in turn, what is replaced in the page, and by what: for example the chart of a release by that of a
	// checkout. Each must be in the page.
	Replace []string
	// Environment of the shell, by which kubectl, helm and aws are found, and find the cluster and AWS.
	Environment []string
	// Directory that the shell works in. The page may write files there.
	Directory string
}

// Result is what following a page has printed.
type Result struct {
	// Output of each block, by the line of the page on which it begins.
	Output map[int]string
	// LeftOut are commands that need a node.
	LeftOut []string
}

// marker begins a line of the output between blocks.
const marker = "=== line "

// Follow runs the page's commands in one shell, which ends at the first one that fails.
func (f *Follower) Follow(ctx context.Context) (*Result, error) {
	page := f.Page
	for i := 0; i+1 < len(f.Replace); i += 2 {
		if !strings.Contains(page, f.Replace[i]) {
			return nil, fmt.Errorf("the page does not contain %q, which is to be replaced", f.Replace[i])
		}
		page = strings.ReplaceAll(page, f.Replace[i], f.Replace[i+1])
	}
	blocks, err := Blocks(page, f.Sections...)
	if err != nil {
		return nil, err
	}
	result := &Result{Output: map[int]string{}}
	script := f.script(blocks, result)
	shell := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	shell.Dir, shell.Env = f.Directory, f.Environment
	output, err := shell.CombinedOutput()
	result.read(string(output))
	if err != nil {
		return result, fmt.Errorf("following the page: %w\n%s", err, output)
	}
	return result, result.compare(blocks)
}

// LastLine is what the last command has printed last.
func (r *Result) LastLine() string {
	last := slices.Max(slices.Collect(maps.Keys(r.Output)))
	lines := strings.Split(strings.TrimSpace(r.Output[last]), "\n")
	return lines[len(lines)-1]
}

// script joins the commands of all blocks.
func (f *Follower) script(blocks []Block, result *Result) string {
	var script strings.Builder
	for _, block := range blocks {
		fmt.Fprintf(&script, "echo '%s%d'\n", marker, block.Line)
		for line := range strings.Lines(block.commands()) {
			if !f.Nodes && strings.HasPrefix(line, "kubectl exec ") {
				result.LeftOut = append(result.LeftOut, strings.TrimSpace(line))
				continue
			}
			script.WriteString(line)
		}
	}
	return script.String()
}

// read divides the output at its markers.
func (r *Result) read(output string) {
	at := 0
	for line := range strings.Lines(output) {
		if rest, marks := strings.CutPrefix(line, marker); marks {
			if _, err := fmt.Sscanf(rest, "%d", &at); err == nil {
				continue
			}
		}
		r.Output[at] += line
	}
}

// compare compares the headers of consoles with what was printed.
func (r *Result) compare(blocks []Block) error {
	var problems []error
	for _, block := range blocks {
		for _, header := range block.headers() {
			printed := slices.ContainsFunc(strings.Split(r.Output[block.Line], "\n"), func(line string) bool {
				return slices.Equal(strings.Fields(line), header)
			})
			if block.Language == "console" && !printed {
				problems = append(problems, fmt.Errorf("line %d: the page prints %q, the command %q", block.Line, strings.Join(header, " "), r.Output[block.Line]))
			}
		}
	}
	return errors.Join(problems...)
}
