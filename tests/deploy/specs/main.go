// Command specs reads files of deploy/ as Docker does: compose.yaml with Compose's own loader and schema, and
// .dockerignore with Docker's own matcher. It needs no container engine.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

func main() {
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "compose":
		err = compose(os.Args[2])
	case len(os.Args) == 3 && os.Args[1] == "context":
		err = buildContext(os.Args[2])
	default:
		err = fmt.Errorf("usage: specs compose FILE | specs context DOCKERIGNORE < paths")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Prints the project as JSON with every short form expanded. Unknown attributes are errors.
func compose(file string) error {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithWorkingDirectory(filepath.Dir(file)))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	text, err := json.Marshal(project)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(text)
	return err
}

// Reads paths from standard input and prints those in the build context.
func buildContext(file string) error {
	ignore, err := os.Open(file)
	if err != nil {
		return err
	}
	defer ignore.Close()
	patterns, err := ignorefile.ReadAll(ignore)
	if err != nil {
		return err
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return err
	}
	paths := bufio.NewScanner(os.Stdin)
	for paths.Scan() {
		ignored, err := matcher.MatchesOrParentMatches(paths.Text())
		if err != nil {
			return err
		}
		if !ignored {
			fmt.Println(paths.Text())
		}
	}
	return paths.Err()
}
