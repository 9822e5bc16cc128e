// Package serve has the operator's HTTP servers: they take little memory, and one client that floods them does not
// keep other clients from being served. It may import nothing of the project.
package serve
