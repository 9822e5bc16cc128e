package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// accepted are the known survivors by key, each with the reason why no unit test has to fail.
type accepted map[string]string

// readAccepted reads a file of keys, each followed by an indented line with the reason. Lines that start with # are
// comments.
func readAccepted(path string) (accepted, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return accepted{}, nil
	}
	if err != nil {
		return nil, err
	}
	reasons := accepted{}
	key := ""
	for number, line := range strings.Split(string(content), "\n") {
		reason, indented := strings.CutPrefix(line, "\t")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case indented && key != "" && strings.TrimSpace(reason) != "":
			reasons[key], key = strings.TrimSpace(reason), ""
		case indented || key != "":
			return nil, fmt.Errorf("%s:%d: a survivor is a line, and its reason is one line below it that starts with a tab", path, number+1)
		default:
			if _, twice := reasons[line]; twice {
				return nil, fmt.Errorf("%s:%d: is there twice: %s", path, number+1, line)
			}
			key = line
		}
	}
	if key != "" {
		return nil, fmt.Errorf("%s: no reason is given for %s", path, key)
	}
	return reasons, nil
}

// of are the keys whose files are in a folder.
func (a accepted) of(folder string) []string {
	var keys []string
	for key := range a {
		rest, ok := strings.CutPrefix(key, folder+"/")
		if file, _, _ := strings.Cut(rest, " "); ok && !strings.Contains(file, "/") {
			keys = append(keys, key)
		}
	}
	return keys
}
