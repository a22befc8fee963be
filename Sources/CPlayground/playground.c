// Written by scripts/embed-playground.
#include "CPlayground.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char file0[] = {
#embed "../Gateway/Playground/answer.css"
};

static const unsigned char file1[] = {
#embed "../Gateway/Playground/api.js"
};

static const unsigned char file2[] = {
#embed "../Gateway/Playground/base.css"
};

static const unsigned char file3[] = {
#embed "../Gateway/Playground/chat.js"
};

static const unsigned char file4[] = {
#embed "../Gateway/Playground/composer.css"
};

static const unsigned char file5[] = {
#embed "../Gateway/Playground/composer.js"
};

static const unsigned char file6[] = {
#embed "../Gateway/Playground/content-calls.js"
};

static const unsigned char file7[] = {
#embed "../Gateway/Playground/content-dag.js"
};

static const unsigned char file8[] = {
#embed "../Gateway/Playground/content-upload.js"
};

static const unsigned char file9[] = {
#embed "../Gateway/Playground/content.css"
};

static const unsigned char file10[] = {
#embed "../Gateway/Playground/content.html"
};

static const unsigned char file11[] = {
#embed "../Gateway/Playground/content.js"
};

static const unsigned char file12[] = {
#embed "../Gateway/Playground/controls.css"
};

static const unsigned char file13[] = {
#embed "../Gateway/Playground/conversations.js"
};

static const unsigned char file14[] = {
#embed "../Gateway/Playground/cost-page.js"
};

static const unsigned char file15[] = {
#embed "../Gateway/Playground/cost.html"
};

static const unsigned char file16[] = {
#embed "../Gateway/Playground/dialogs.css"
};

static const unsigned char file17[] = {
#embed "../Gateway/Playground/dialogs.js"
};

static const unsigned char file18[] = {
#embed "../Gateway/Playground/dom.js"
};

static const unsigned char file19[] = {
#embed "../Gateway/Playground/drawers.js"
};

static const unsigned char file20[] = {
#embed "../Gateway/Playground/early.js"
};

static const unsigned char file21[] = {
#embed "../Gateway/Playground/failures.js"
};

static const unsigned char file22[] = {
#embed "../Gateway/Playground/generation.js"
};

static const unsigned char file23[] = {
#embed "../Gateway/Playground/icons.js"
};

static const unsigned char file24[] = {
#embed "../Gateway/Playground/index.html"
};

static const unsigned char file25[] = {
#embed "../Gateway/Playground/keyboard.js"
};

static const unsigned char file26[] = {
#embed "../Gateway/Playground/layout.css"
};

static const unsigned char file27[] = {
#embed "../Gateway/Playground/logprobs.js"
};

static const unsigned char file28[] = {
#embed "../Gateway/Playground/main.js"
};

static const unsigned char file29[] = {
#embed "../Gateway/Playground/markdown-draw.js"
};

static const unsigned char file30[] = {
#embed "../Gateway/Playground/markdown.js"
};

static const unsigned char file31[] = {
#embed "../Gateway/Playground/metrics.js"
};

static const unsigned char file32[] = {
#embed "../Gateway/Playground/notices.js"
};

static const unsigned char file33[] = {
#embed "../Gateway/Playground/orchestration.css"
};

static const unsigned char file34[] = {
#embed "../Gateway/Playground/orchestration.js"
};

static const unsigned char file35[] = {
#embed "../Gateway/Playground/pages.js"
};

static const unsigned char file36[] = {
#embed "../Gateway/Playground/panel.js"
};

static const unsigned char file37[] = {
#embed "../Gateway/Playground/parameters.css"
};

static const unsigned char file38[] = {
#embed "../Gateway/Playground/parameters.js"
};

static const unsigned char file39[] = {
#embed "../Gateway/Playground/probabilities.css"
};

static const unsigned char file40[] = {
#embed "../Gateway/Playground/reports.css"
};

static const unsigned char file41[] = {
#embed "../Gateway/Playground/reports.js"
};

static const unsigned char file42[] = {
#embed "../Gateway/Playground/routing-page.js"
};

static const unsigned char file43[] = {
#embed "../Gateway/Playground/routing.html"
};

static const unsigned char file44[] = {
#embed "../Gateway/Playground/scroll.js"
};

static const unsigned char file45[] = {
#embed "../Gateway/Playground/sidebar.js"
};

static const unsigned char file46[] = {
#embed "../Gateway/Playground/snippet-dialog.js"
};

static const unsigned char file47[] = {
#embed "../Gateway/Playground/snippets.js"
};

static const unsigned char file48[] = {
#embed "../Gateway/Playground/stream.js"
};

static const unsigned char file49[] = {
#embed "../Gateway/Playground/syntax.js"
};

static const unsigned char file50[] = {
#embed "../Gateway/Playground/theme.js"
};

static const unsigned char file51[] = {
#embed "../Gateway/Playground/transcript.css"
};

static const unsigned char file52[] = {
#embed "../Gateway/Playground/transcript.js"
};

static const unsigned char file53[] = {
#embed "../Gateway/Playground/welcome.css"
};

static const unsigned char file54[] = {
#embed "../Gateway/Playground/welcome.js"
};

static const struct {
  const char *name;
  const unsigned char *bytes;
  size_t length;
} files[] = {
  {"answer.css", file0, sizeof file0},
  {"api.js", file1, sizeof file1},
  {"base.css", file2, sizeof file2},
  {"chat.js", file3, sizeof file3},
  {"composer.css", file4, sizeof file4},
  {"composer.js", file5, sizeof file5},
  {"content-calls.js", file6, sizeof file6},
  {"content-dag.js", file7, sizeof file7},
  {"content-upload.js", file8, sizeof file8},
  {"content.css", file9, sizeof file9},
  {"content.html", file10, sizeof file10},
  {"content.js", file11, sizeof file11},
  {"controls.css", file12, sizeof file12},
  {"conversations.js", file13, sizeof file13},
  {"cost-page.js", file14, sizeof file14},
  {"cost.html", file15, sizeof file15},
  {"dialogs.css", file16, sizeof file16},
  {"dialogs.js", file17, sizeof file17},
  {"dom.js", file18, sizeof file18},
  {"drawers.js", file19, sizeof file19},
  {"early.js", file20, sizeof file20},
  {"failures.js", file21, sizeof file21},
  {"generation.js", file22, sizeof file22},
  {"icons.js", file23, sizeof file23},
  {"index.html", file24, sizeof file24},
  {"keyboard.js", file25, sizeof file25},
  {"layout.css", file26, sizeof file26},
  {"logprobs.js", file27, sizeof file27},
  {"main.js", file28, sizeof file28},
  {"markdown-draw.js", file29, sizeof file29},
  {"markdown.js", file30, sizeof file30},
  {"metrics.js", file31, sizeof file31},
  {"notices.js", file32, sizeof file32},
  {"orchestration.css", file33, sizeof file33},
  {"orchestration.js", file34, sizeof file34},
  {"pages.js", file35, sizeof file35},
  {"panel.js", file36, sizeof file36},
  {"parameters.css", file37, sizeof file37},
  {"parameters.js", file38, sizeof file38},
  {"probabilities.css", file39, sizeof file39},
  {"reports.css", file40, sizeof file40},
  {"reports.js", file41, sizeof file41},
  {"routing-page.js", file42, sizeof file42},
  {"routing.html", file43, sizeof file43},
  {"scroll.js", file44, sizeof file44},
  {"sidebar.js", file45, sizeof file45},
  {"snippet-dialog.js", file46, sizeof file46},
  {"snippets.js", file47, sizeof file47},
  {"stream.js", file48, sizeof file48},
  {"syntax.js", file49, sizeof file49},
  {"theme.js", file50, sizeof file50},
  {"transcript.css", file51, sizeof file51},
  {"transcript.js", file52, sizeof file52},
  {"welcome.css", file53, sizeof file53},
  {"welcome.js", file54, sizeof file54},
};

size_t playground_count(void) { return sizeof files / sizeof files[0]; }

const char *playground_name(size_t index) { return index < playground_count() ? files[index].name : NULL; }

const unsigned char *playground_bytes(size_t index) { return index < playground_count() ? files[index].bytes : NULL; }

size_t playground_length(size_t index) { return index < playground_count() ? files[index].length : 0; }
