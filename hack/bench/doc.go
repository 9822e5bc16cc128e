// Command bench measures what the operator costs: calls of AWS and of Kubernetes, as their servers
// count them, and the time, processor time and memory of the manager's process, as the operating
// system counts them. Next to it, in the same run and with the same concurrency, runs the floor: a
// plain loop that reads the same values and applies the same Secrets, or a process that polls the same
// secrets by bare calls of the AWS SDK, and does nothing else.
//
// It runs the manager as a process of its own against a real control plane and the local AWS. It may
// import testenv, localaws, the API and clients of AWS and Kubernetes; it does not import the packages of controllers.
package main
