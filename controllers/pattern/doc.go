// Package pattern runs the regular expressions that users write, within limits: of the compiled program, of the cached
// patterns, and of the processor time that a reconcile may use for them.
//
// Go's regexp takes time in proportion to the instructions of the compiled program multiplied by the bytes of the
// text, and memory in proportion to the instructions. Neither is bounded by the length of the pattern: 801 characters
// of `.{0,999}` are 200,000 instructions. Here a program is measured before it is compiled (Compile), and each match
// takes its steps from a Budget before it runs.
//
// The package imports only the standard library, and every package may import it. Its errors name patterns, never the
// text that they are matched against.
package pattern
