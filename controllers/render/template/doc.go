// Package template makes keys of a Kubernetes Secret by Go templates (spec.template). It is pure: the same values
// always give the same bytes. No function reads a clock, randomness, the environment, files or a network.
//
// A template is written by a tenant and runs in the operator, which all tenants share. So its steps, depth, memory and
// output are bounded. Errors name positions, functions and names of fields, never a part of a value.
//
// docs/templates.md lists every function. The package may import the standard library, a YAML library, a PKCS#12
// library, and the packages rawjson and pattern.
package template
