// Package jmespath evaluates the JMESPath of jmespath.org on JSON documents so that nothing that was selected
// changes: numbers keep their digits, objects and lists their bytes, and the same document always gives the
// same result, as fields of objects are taken in the order of their names.
//
// The package may import the parser of github.com/jmespath-community/go-jmespath, and the standard library. It has an
// interpreter of its own, because the library's holds numbers as float64, which loses digits, takes fields in a random
// order, and quotes values in errors. Errors here name functions and offsets, never a part of a document.
package jmespath
