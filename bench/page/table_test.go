package page_test

import (
	"fmt"

	"github.com/seed-9442523e/caddy-cors/bench/page"
)

func ExampleTable() {
	fmt.Print(page.Table{
		Title:   "Fruit",
		About:   "By the piece.",
		Columns: []string{"", "apples", "pears"},
		Rows:    [][]string{{"red", "1", "2"}, {"green", "3", "4"}},
	})
	// Output:
	// ### Fruit
	//
	// By the piece.
	//
	// |  | apples | pears |
	// | --- | ---: | ---: |
	// | red | 1 | 2 |
	// | green | 3 | 4 |
}
