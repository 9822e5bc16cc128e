// Package rawjson reads JSON as it is written. encoding/json takes the last of several fields with the same name, and
// replaces half of a surrogate pair of \u escapes by U+FFFD, both without an error: a Secret would differ from the
// value in AWS. This package finds both. It imports only the standard library.
package rawjson
