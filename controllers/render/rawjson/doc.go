// Package rawjson reads JSON as it is written. encoding/json takes the last of several fields with one name, and
// replaces half of a pair of \u escapes by U+FFFD, both without an error: a Secret would hold something else than AWS.
// This package finds both. It imports the standard library alone.
package rawjson
