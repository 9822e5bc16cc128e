package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/cmd/kubectl-secretsync/doctor"
)

// cause is something that is wrong, with the objects that it explains.
type cause struct {
	*doctor.Finding
	objects []string
}

// shownObjects bounds how many objects of a cause are named.
const shownObjects = 10

// causesOf are what is wrong, each once, in the order of its first object. What is broken comes before warnings.
func causesOf(results []doctor.Diagnosis) (all []*cause) {
	known := map[string]*cause{}
	for _, status := range []doctor.Status{doctor.Broken, doctor.Warning} {
		for i := range results {
			for n := range results[i].Checks {
				found := &results[i].Checks[n]
				if found.Status != status {
					continue
				}
				key := found.ID + "\n" + found.Evidence
				if known[key] == nil {
					known[key] = &cause{Finding: found}
					all = append(all, known[key])
				}
				known[key].objects = append(known[key].objects, results[i].Object)
			}
		}
	}
	return all
}

// printCauses prints each cause: a line that names it, and lines with what fixes it and where to read more.
func (c *cli) printCauses(results []doctor.Diagnosis) error {
	var text strings.Builder
	for _, found := range causesOf(results) {
		names := strings.Join(found.objects[:min(len(found.objects), shownObjects)], ", ")
		if more := len(found.objects) - shownObjects; more > 0 {
			names += fmt.Sprintf(" and %d more", more)
		}
		fmt.Fprintf(&text, "%s %s %s: %s\n", strings.ToUpper(string(found.Status)), found.ID, names, found.Evidence)
		for n, fix := range found.Fix {
			lead := "  fix: "
			if n > 0 {
				lead = "   or: "
			}
			fmt.Fprintln(&text, lead+fix.Text)
		}
		if found.Docs != "" {
			fmt.Fprintln(&text, "  read: "+found.Docs)
		}
	}
	for _, line := range unseenLines(results) {
		fmt.Fprintln(&text, "not checked: "+line)
	}
	_, err := fmt.Fprint(c.streams.Out, text.String())
	return err
}

// unseenLines are what was not checked, and why, each once.
func unseenLines(results []doctor.Diagnosis) (lines []string) {
	for i := range results {
		for n := range results[i].Checks {
			found := &results[i].Checks[n]
			var why []string
			for _, right := range found.Needs {
				why = append(why, "you have no right "+right.String())
			}
			if found.Status == doctor.Unknown && len(why) == 0 {
				why = append(why, found.Evidence)
			}
			for _, reason := range why {
				if line := found.ID + " (" + reason + ")"; !slices.Contains(lines, line) {
					lines = append(lines, line)
				}
			}
		}
	}
	return lines
}
