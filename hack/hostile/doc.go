// Package hostile tests the operator with a hostile client or tenant beside a victim. By many, large or slow objects
// they must neither stop the operator, nor exhaust its memory, nor delay other tenants. The manager is built as it is
// released, with the memory limit of the chart.
package hostile
