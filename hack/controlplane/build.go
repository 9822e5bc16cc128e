package controlplane

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// progressInterval is how often building says how far it is.
const progressInterval = 15 * time.Second

// build downloads or builds the programs in a temporary directory and renames that at the end, so that an interrupted
// run leaves no directory that looks complete.
func build(ctx context.Context, module, version, directory string, wanted set, progress io.Writer) error {
	half := directory + ".half"
	if err := errors.Join(os.RemoveAll(half), os.Mkdir(half, 0o750)); err != nil { // A killed run leaves a temporary directory.
		return err
	}
	defer os.RemoveAll(half)
	fmt.Fprintf(progress, "making the %s of Kubernetes %s, once: %s\n", wanted.name, version, names(wanted.programs))
	missing, why := download(ctx, newDownloads(version), wanted.programs, half, progress)
	if len(missing) > 0 {
		fmt.Fprintf(progress, "  building %s: %v\n", names(missing), why)
		if err := compile(ctx, module, version, half, missing, progress); err != nil {
			return err
		}
	}
	return os.Rename(half, directory)
}

// download downloads programs into a directory. It returns those that it did not get, and why the last one is missing.
func download(ctx context.Context, getter *downloads, wanted []builtProgram, into string, progress io.Writer) (missing []builtProgram, why error) {
	for i, p := range wanted {
		started := time.Now()
		if err := getter.get(ctx, p, filepath.Join(into, p.name)); err != nil {
			missing, why = append(missing, p), err
			continue
		}
		fmt.Fprintf(progress, "  %d of %d: %s downloaded in %s\n", i+1, len(wanted), p.name, time.Since(started).Round(time.Second))
	}
	return missing, why
}

// compile builds programs by one command, so that one is linked while another one is compiled.
func compile(ctx context.Context, module, version, into string, wanted []builtProgram, progress io.Writer) error {
	flags := []string{"-trimpath", "-ldflags", linkFlags(version)}
	var packages []string
	for _, p := range wanted {
		packages = append(packages, p.pkg)
	}
	total, err := countStale(ctx, module, flags, packages)
	if err != nil {
		return err
	}
	started := time.Now()
	fmt.Fprintf(progress, "  %d packages to compile, about %s on two idle cores\n", total, expected(total))
	command := goCommand(ctx, module, append(append([]string{"build", "-v", "-o", into + string(filepath.Separator)}, flags...), packages...)...)
	printed, err := command.StderrPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	text := follow(printed, total, started, progress)
	if err := command.Wait(); err != nil {
		return fmt.Errorf("building %s: %w: %s", names(wanted), err, text)
	}
	for _, p := range wanted {
		if built := p.built(); built != p.name {
			if err := os.Rename(filepath.Join(into, built), filepath.Join(into, p.name)); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(progress, "  built in %s\n", time.Since(started).Round(time.Second))
	return nil
}

// countStale is how many packages are to be compiled.
func countStale(ctx context.Context, module string, flags, packages []string) (int, error) {
	list := goCommand(ctx, module, append(append([]string{"list", "-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}"}, flags...), packages...)...)
	output, err := list.Output()
	if err != nil {
		return 0, fmt.Errorf("listing what is to be compiled: %w", explained(err))
	}
	return len(strings.Fields(string(output))), nil
}

// follow reads what "go build -v" prints, a package a line as each is begun, and says now and then how far it is. It
// returns all other lines, which are errors.
func follow(printed io.Reader, total int, started time.Time, progress io.Writer) (text string) {
	compiled, said := 0, started
	for scanner := bufio.NewScanner(printed); scanner.Scan(); {
		line := scanner.Text()
		if strings.ContainsAny(line, " :#") {
			text += line + "\n"
			continue
		}
		compiled++
		switch {
		case compiled == total:
			fmt.Fprintf(progress, "  all packages are compiled, the programs are being linked\n")
		case time.Since(said) >= progressInterval:
			said = time.Now()
			fmt.Fprintf(progress, "  %d of %d packages, about %s left\n", compiled, total, remaining(compiled, total, said.Sub(started)))
		}
	}
	return text
}

// expected is how long it takes to compile some packages and to link the programs, as measured on two cores.
func expected(packages int) time.Duration {
	return (time.Minute + time.Duration(packages)*300*time.Millisecond).Round(time.Minute)
}

// remaining is how long the rest takes if it goes on as until now.
func remaining(done, total int, elapsed time.Duration) time.Duration {
	if done == 0 || total < done {
		return 0
	}
	return (elapsed * time.Duration(total-done) / time.Duration(done)).Round(time.Second)
}

// built is the name that go build gives the program: the last element of its path that is no major version.
func (p builtProgram) built() string {
	name := path.Base(p.pkg)
	if len(name) > 1 && name[0] == 'v' && strings.Trim(name[1:], "0123456789") == "" {
		name = path.Base(path.Dir(p.pkg))
	}
	return name
}

func names(programs []builtProgram) string {
	var all []string
	for _, p := range programs {
		all = append(all, p.name)
	}
	return strings.Join(all, ", ")
}
