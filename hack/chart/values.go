package main

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// value is a value of the chart, or a group of values.
type value struct {
	// at is its path, for example metrics.serviceMonitor.interval.
	at string
	// leaf says that it has no values below it: a scalar, a list, or an empty object.
	leaf bool
	// written is the default of a leaf, as YAML in a line.
	written string
	// comment is the comment above it, in a line.
	comment string
}

// valuesOf are the values in a values.yaml, in the order of the file: the leaves, and each group that has a comment.
func valuesOf(content []byte) ([]value, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		return nil, fmt.Errorf("reading values.yaml: %w", err)
	}
	if len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("values.yaml holds no object")
	}
	return below("", document.Content[0])
}

func below(path string, object *yaml.Node) (all []value, err error) {
	for i := 0; i < len(object.Content); i += 2 {
		key, node := object.Content[i], object.Content[i+1]
		v := value{at: path + key.Value, comment: inLine(key.HeadComment)}
		if node.Kind == yaml.MappingNode && len(node.Content) > 0 {
			if v.comment != "" {
				all = append(all, v)
			}
			deeper, err := below(v.at+".", node)
			if err != nil {
				return nil, err
			}
			all = append(all, deeper...)
			continue
		}
		v.leaf = true
		if v.written, err = flow(node); err != nil {
			return nil, fmt.Errorf("%s: %w", v.at, err)
		}
		all = append(all, v)
	}
	return all, nil
}

// inLine is a comment without its marks and line breaks.
func inLine(comment string) string {
	lines := strings.Split(comment, "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(strings.TrimPrefix(lines[i], "#"), " ")
	}
	return strings.Join(lines, " ")
}

// flow is a node as YAML in a line.
func flow(node *yaml.Node) (string, error) {
	bare := *node
	bare.HeadComment, bare.LineComment, bare.FootComment = "", "", ""
	if bare.Kind != yaml.ScalarNode {
		bare.Style = yaml.FlowStyle
	}
	written, err := yaml.Marshal(&bare)
	return strings.TrimSpace(string(written)), err
}
