#include <stdio.h>
#include <editline/readline.h>

// Access to libedit's global variables; one thread edits.

static inline void edit_complete_with(rl_completion_func_t *offer) { rl_attempted_completion_function = offer; }

static inline const char *edit_line(void) { return rl_line_buffer; }

// Suppresses libedit's own completions.
static inline void edit_offer_nothing_else(void) { rl_attempted_completion_over = 1; }

// The character appended to a complete word; 0: none.
static inline void edit_append(int character) { rl_completion_append_character = character; }
