// Package arn reads Amazon Resource Names, for packages that have nothing else to do with AWS.
//
// It may import the SDK's package aws/arn, which imports the standard library alone.
package arn

import (
	"strings"

	awsarn "github.com/aws/aws-sdk-go-v2/aws/arn"
)

// Is says whether a text is meant as an ARN: it begins with "arn:".
func Is(text string) bool { return strings.HasPrefix(text, "arn:") }

// Region is the region that an ARN names; empty for what is no ARN.
func Region(text string) string {
	parsed, err := awsarn.Parse(text)
	if err != nil {
		return ""
	}
	return parsed.Region
}
