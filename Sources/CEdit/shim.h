#include <stdio.h>
#include <editline/readline.h>

// libedit's variables, which it shares with nobody: one thread edits a line.

static inline void edit_complete_with(rl_completion_func_t *offer) { rl_attempted_completion_function = offer; }

static inline const char *edit_line(void) { return rl_line_buffer; }

// Nothing else is offered instead of what has just been offered.
static inline void edit_offer_nothing_else(void) { rl_attempted_completion_over = 1; }

// What follows a word that is whole; 0: nothing.
static inline void edit_append(int character) { rl_completion_append_character = character; }
