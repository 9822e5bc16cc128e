package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/yaml"
)

// outputVersion is the version of the JSON and YAML output. Fields are added to it, and never removed or changed.
const outputVersion = "cli.secretsync.dev/v1"

// report is the output of a verb, as JSON and YAML.
type report struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// As is who has looked.
	As identities `json:"as"`
	// Incomplete are the rights that were missing, so that something was not looked at.
	Incomplete []missingRight `json:"incomplete"`
	Items      any            `json:"items"`
}

// identities are the user's names. They are empty where they were not needed, or not to be found out.
type identities struct {
	Kubernetes string `json:"kubernetes"`
	AWS        string `json:"aws"`
}

// missingRight is a right of Kubernetes or AWS.
type missingRight struct {
	// API is kubernetes or aws.
	API      string `json:"api"`
	Verb     string `json:"verb"`
	Resource string `json:"resource"`
}

func (m missingRight) String() string {
	if m.API == "aws" {
		return m.Verb + " of " + m.Resource
	}
	return "to " + m.Verb + " " + m.Resource
}

// table is the output of a verb for people.
type table struct {
	header []string
	// wide are the columns of header that only -o wide has.
	wide map[string]bool
	rows [][]string
}

// formats of the output.
const (
	formatTable = ""
	formatWide  = "wide"
	formatJSON  = "json"
	formatYAML  = "yaml"
	formatName  = "name"
)

func checkFormat(format string) error {
	switch format {
	case formatTable, formatWide, formatJSON, formatYAML, formatName:
		return nil
	}
	return usage("--output %q is not known: use json, yaml, name or wide", format)
}

// structured says whether the output is read by programs.
func (c *cli) structured() bool { return c.output == formatJSON || c.output == formatYAML }

// print writes a report in the format of the flags. names are those of its objects.
func (c *cli) print(r report, shown table, names []string) error {
	r.APIVersion = outputVersion
	if r.Incomplete == nil {
		r.Incomplete = []missingRight{}
	}
	switch c.output {
	case formatJSON:
		content, err := json.MarshalIndent(r, "", "    ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.streams.Out, string(content))
		return err
	case formatYAML:
		content, err := yaml.Marshal(r)
		if err != nil {
			return err
		}
		_, err = c.streams.Out.Write(content)
		return err
	case formatName:
		for _, name := range names {
			if _, err := fmt.Fprintln(c.streams.Out, "secretsync.secretsync.dev/"+name); err != nil {
				return err
			}
		}
		return nil
	}
	return c.printTable(shown, c.output == formatWide)
}

func (c *cli) printTable(shown table, wide bool) error {
	return c.printRows(shown, append([][]string{shown.header}, shown.rows...), wide)
}

// printRows prints rows with the columns of a table.
func (c *cli) printRows(shown table, rows [][]string, wide bool) error {
	writer := printers.GetNewTabWriter(c.streams.Out)
	for _, cells := range rows {
		var kept []string
		for i, cell := range cells {
			if wide || !shown.wide[shown.header[i]] {
				kept = append(kept, orNone(cell))
			}
		}
		if _, err := fmt.Fprintln(writer, strings.Join(kept, "\t")); err != nil {
			return err
		}
	}
	return writer.Flush()
}

// orNone is what a table shows for a cell; kubectl marks empty ones in the same way.
func orNone(cell string) string {
	if cell == "" {
		return "<none>"
	}
	return cell
}

// say writes a line that is not data.
func (c *cli) say(format string, arguments ...any) {
	fmt.Fprintf(c.streams.ErrOut, format+"\n", arguments...)
}

// shorten cuts a text for a column.
func shorten(text string, most int) string {
	if characters := []rune(text); len(characters) > most {
		return strings.TrimSpace(string(characters[:most-1])) + "…"
	}
	return text
}
