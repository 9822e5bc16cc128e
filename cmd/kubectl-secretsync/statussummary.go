package main

import (
	"fmt"
	"strings"
)

// summarize says, beside the data, what a list adds up to and where to look next. Suspended and pinned SecretSyncs are
// counted because they are forgotten.
func (c *cli) summarize(result *statusOf, options statusOptions, namespace string) {
	if result.all == 0 {
		where := " in namespace " + namespace
		if options.allNamespaces {
			where = ""
		}
		c.say("No SecretSyncs found%s.", where)
		return
	}
	parts := []string{fmt.Sprintf("%d of %d not ready", result.troubled, result.all)}
	if result.suspended > 0 {
		parts = append(parts, fmt.Sprintf("%d suspended", result.suspended))
	}
	if result.pinned > 0 {
		parts = append(parts, fmt.Sprintf("%d pinned", result.pinned))
	}
	text := strings.Join(parts, ", ")
	if result.first != nil {
		text += fmt.Sprintf("; next: kubectl secretsync status %s -n %s", result.first.Name, result.first.Namespace)
	}
	c.say("%s", text)
}
