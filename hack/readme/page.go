package readme

import (
	"fmt"
	"regexp"
	"strings"
)

// Block is a fenced block of a page.
type Block struct {
	// Language is the word after the fence: sh, console, yaml, …
	Language string
	Text     string
	// Line of the page on which the text begins.
	Line int
}

// fence begins or ends a block.
var fence = regexp.MustCompile("^```(\\w*)$")

// Blocks are the blocks of some sections of a page, in the order of the page. A section begins with a heading of level
// two, and ends before the next.
func Blocks(page string, sections ...string) ([]Block, error) {
	found := map[string]bool{}
	var blocks []Block
	var open *Block
	within := false
	for number, line := range strings.Split(page, "\n") {
		match := fence.FindStringSubmatch(line)
		switch {
		case open != nil && match != nil:
			if within {
				blocks = append(blocks, *open)
			}
			open = nil
		case open != nil:
			open.Text += line + "\n"
		case match != nil:
			open = &Block{Language: match[1], Line: number + 2}
		case strings.HasPrefix(line, "## "):
			within = false
			for _, section := range sections {
				if line == "## "+section {
					within, found[section] = true, true
				}
			}
		}
	}
	for _, section := range sections {
		if !found[section] {
			return nil, fmt.Errorf("the page has no section %q", section)
		}
	}
	return blocks, nil
}

// commands are what a shell runs of a block: all of it, or, in a console, the lines after prompts. Other blocks have
// none.
func (b Block) commands() string {
	switch b.Language {
	case "sh":
		return b.Text
	case "console":
		var typed strings.Builder
		for line := range strings.Lines(b.Text) {
			if command, prompted := strings.CutPrefix(line, "$ "); prompted {
				typed.WriteString(command)
			}
		}
		return typed.String()
	}
	return ""
}

// Headers are the first line of the output of each command in a console block, by words.
func (b Block) headers() (all [][]string) {
	prompted := false
	for line := range strings.Lines(b.Text) {
		command := strings.HasPrefix(line, "$ ")
		if prompted && !command {
			all = append(all, strings.Fields(line))
		}
		prompted = command
	}
	return all
}
