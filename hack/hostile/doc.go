// Package hostile has the tests of one hostile client or tenant beside a victim: what they do, by many objects, large
// ones or slow ones, must neither stop the operator nor fill its memory, nor hold up others. The manager is the one
// that is released, with the limit of memory that the chart sets.
package hostile
