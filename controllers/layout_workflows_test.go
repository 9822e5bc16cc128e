package controllers

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// workflow is the part of a workflow of GitHub Actions that runs commands.
type workflow struct {
	Jobs map[string]struct {
		Steps []struct {
			Run string `json:"run"`
		} `json:"steps"`
	} `json:"jobs"`
}

var (
	// makeCall is a call of make with its words, up to the end of the command.
	makeCall = regexp.MustCompile(`(?m)(?:^|[;&|(]|\bdo)\s*make((?:[ \t]+[A-Za-z0-9_./$=:"'-]+)+)`)
	// fileNamed is a path of the repository, or a program below bin/.
	fileNamed = regexp.MustCompile(`(?:^|[\s"'=(])(?:\./)?((?:\.ci|bin|cmd|config|docs|hack)(?:/[A-Za-z0-9_.-]+)+)`)
	// rule is a rule of the Makefile, with its prerequisites.
	rule = regexp.MustCompile(`^([A-Za-z0-9_./-]+):(?:[^=]|$)`)
	// expression is what GitHub replaces before the shell reads the command. It may hold spaces.
	expression = regexp.MustCompile(`\$\{\{.*?\}\}`)
)

// TestWorkflows wants every target and every path that a workflow names, and what a job uses of bin/ made by an
// earlier step of the same job.
func TestWorkflows(t *testing.T) {
	files, err := filepath.Glob("../.github/workflows/*.yml")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d workflows, %v", len(files), err)
	}
	makefile := read(t, "Makefile")
	exists := func(name string) bool { _, err := os.Stat(filepath.Join("..", name)); return err == nil }
	script := func(name string) string { return read(t, name) }
	commands := 0
	for _, file := range files {
		name := ".github/workflows/" + filepath.Base(file)
		parsed := parseWorkflow(t, name, read(t, name))
		for _, job := range parsed.Jobs {
			for _, step := range job.Steps {
				if step.Run != "" {
					commands++
				}
			}
		}
		for _, failure := range checkWorkflow(name, parsed, makefile, exists, script) {
			t.Error(failure)
		}
	}
	if commands < 5 {
		t.Errorf("the workflows run only %d commands: the test misses them", commands)
	}
}

func parseWorkflow(t *testing.T, name, content string) (parsed workflow) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(content), &parsed); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return parsed
}

// checkWorkflow gives a line for each target or path that a workflow names and that is missing. Script reads a script
// of the repository, whose commands count as those of the step that calls it.
func checkWorkflow(name string, parsed workflow, makefile string, exists func(string) bool, script func(string) string) (failures []string) {
	rules := makeRules(makefile)
	for _, job := range slices.Sorted(maps.Keys(parsed.Jobs)) {
		made := map[string]bool{}
		for _, step := range parsed.Jobs[job].Steps {
			commands := expression.ReplaceAllString(step.Run, "expression")
			if strings.Contains(commands, ".ci/run") && exists(".ci/run") {
				commands += "\n" + script(".ci/run")
			}
			for _, target := range makeTargets(commands) {
				if _, known := rules[target]; !known {
					failures = append(failures, fmt.Sprintf("workflow-targets: %s, job %s: the Makefile has no target %s", name, job, target))
				}
				makes(rules, target, made)
			}
			for _, match := range fileNamed.FindAllStringSubmatch(commands, -1) {
				file := path.Clean(match[1])
				switch built := strings.HasPrefix(file, "bin/"); {
				case built && !made[file]:
					failures = append(failures, fmt.Sprintf("workflow-paths: %s, job %s: no step makes %s before it is used", name, job, file))
				case !built && !exists(file):
					failures = append(failures, fmt.Sprintf("workflow-paths: %s, job %s: %s does not exist", name, job, file))
				}
			}
		}
	}
	return failures
}

// makeTargets are the targets of the calls of make in commands.
func makeTargets(commands string) (targets []string) {
	for _, match := range makeCall.FindAllStringSubmatch(commands, -1) {
		for word := range strings.FieldsSeq(match[1]) {
			if !strings.Contains(word, "=") && !strings.HasPrefix(word, "-") {
				targets = append(targets, word)
			}
		}
	}
	return targets
}

// makeRules are the prerequisites of each target, with the targets that its recipe makes.
func makeRules(makefile string) map[string][]string {
	rules := map[string][]string{}
	target := ""
	for line := range strings.Lines(makefile) {
		if strings.HasPrefix(line, "\t") {
			_, called, _ := strings.Cut(line, "$(MAKE) ")
			rules[target] = append(rules[target], makeTargets("make "+called)...)
			continue
		}
		if match := rule.FindStringSubmatch(line); match != nil {
			target = match[1]
			prerequisites, _, _ := strings.Cut(line[len(target)+1:], "#")
			rules[target] = append(rules[target], strings.Fields(prerequisites)...)
		}
	}
	return rules
}

// makes adds what a target makes: itself and its prerequisites.
func makes(rules map[string][]string, target string, made map[string]bool) {
	if made[target] {
		return
	}
	made[target] = true
	for _, prerequisite := range rules[target] {
		makes(rules, prerequisite, made)
	}
}

func TestCheckWorkflow(t *testing.T) {
	const makefile = "lint: bin/helm ## Lint\n\tbin/helm lint\n\nbin/helm: go.mod\n\tgo build\n\nall:\n\t$(MAKE) lint VERSION=1\n"
	for name, test := range map[string]struct {
		run  []string
		want string
	}{
		"a target that exists":               {[]string{"make lint"}, ""},
		"with a variable":                    {[]string{"make lint VERSION=${{ matrix.version }}"}, ""},
		"a target that does not exist":       {[]string{"make image"}, "the Makefile has no target image"},
		"the second of two":                  {[]string{"make lint image"}, "no target image"},
		"in a script of several lines":       {[]string{"true\nmake image"}, "no target image"},
		"a program made before":              {[]string{"make lint", `bin/helm push "x"`}, ""},
		"a program made by a recipe":         {[]string{"make all", "bin/helm push x"}, ""},
		"a program made after":               {[]string{"bin/helm push x", "make lint"}, "no step makes bin/helm"},
		"a program that is not made":         {[]string{"make lint", "bin/kustomize build config/default"}, "no step makes bin/kustomize"},
		"a program made by the script of CI": {[]string{".ci/run", "bin/helm push x"}, ""},
		"a path that exists":                 {[]string{"ls config/default"}, ""},
		"a path that does not exist":         {[]string{"ls config/other"}, "config/other does not exist"},
		"a program of the repository":        {[]string{"go run ./hack/none"}, "hack/none does not exist"},
		"a path of another host":             {[]string{"curl https://example.com/config/other"}, ""},
		"a word that contains the name make": {[]string{"cmake image"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			exists := func(file string) bool { return file == "config/default" || file == ".ci/run" }
			failures := checkWorkflow("ci.yml", jobOf(test.run), makefile, exists, func(string) string { return "make lint\n" })
			if got := strings.Join(failures, "\n"); test.want == "" && got != "" || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// jobOf is a workflow of one job.
func jobOf(runs []string) (parsed workflow) {
	var steps strings.Builder
	for _, run := range runs {
		fmt.Fprintf(&steps, "    - run: %q\n", run)
	}
	if err := yaml.Unmarshal([]byte("jobs:\n  job:\n    steps:\n"+steps.String()), &parsed); err != nil {
		panic(err)
	}
	return parsed
}
