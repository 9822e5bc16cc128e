// Package serve is how the operator listens: HTTP servers that hold little memory, and go on answering everybody else
// while one client floods them. It may import nothing of the project.
package serve
