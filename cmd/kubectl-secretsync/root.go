package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// cli is what all verbs share: the flags of kubectl, the streams and the format of the output.
type cli struct {
	flags   *genericclioptions.ConfigFlags
	streams genericiooptions.IOStreams
	output  string
}

// run runs the plugin and gives its exit code.
func run(ctx context.Context, arguments []string, streams genericiooptions.IOStreams) int {
	command := newCommand(streams)
	command.SetArgs(arguments)
	err := command.ExecuteContext(ctx)
	if err != nil && err.Error() != "" {
		fmt.Fprintln(streams.ErrOut, "error:", err)
	}
	return exitCode(err)
}

func newCommand(streams genericiooptions.IOStreams) *cobra.Command {
	c := &cli{flags: genericclioptions.NewConfigFlags(true), streams: streams}
	root := &cobra.Command{
		Use:   "kubectl-secretsync",
		Short: "Look at SecretSyncs and change what they follow",
		Long: "Look at SecretSyncs, the objects by which Secrets follow AWS Secrets Manager, and change what they follow.\n\n" +
			"Exit codes: 0 all is well, 1 something is wrong, 2 the command line is wrong, 3 undetermined: the cluster or AWS was\n" +
			"not reached, or a right is missing.",
		Version:       version,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl secretsync"},
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	c.flags.AddFlags(root.PersistentFlags())
	root.PersistentFlags().StringVarP(&c.output, "output", "o", "", "format of the output: json, yaml, name or wide; default: a table")
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return checkFormat(c.output) }
	root.AddCommand(newStatus(c), newConsumers(c), newVersions(c), newPin(c), newUnpin(c), newRefresh(c), newSuspend(c), newResume(c),
		newRender(c), newDiff(c), newPolicy(c), newDoctor(c))
	return root
}
