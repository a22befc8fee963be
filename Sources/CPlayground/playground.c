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
#embed "../Gateway/Playground/code-page.js"
};

static const unsigned char file5[] = {
#embed "../Gateway/Playground/code-replay.js"
};

static const unsigned char file6[] = {
#embed "../Gateway/Playground/code-tree.js"
};

static const unsigned char file7[] = {
#embed "../Gateway/Playground/code.css"
};

static const unsigned char file8[] = {
#embed "../Gateway/Playground/code.html"
};

static const unsigned char file9[] = {
#embed "../Gateway/Playground/composer.css"
};

static const unsigned char file10[] = {
#embed "../Gateway/Playground/composer.js"
};

static const unsigned char file11[] = {
#embed "../Gateway/Playground/content-calls.js"
};

static const unsigned char file12[] = {
#embed "../Gateway/Playground/content-dag.js"
};

static const unsigned char file13[] = {
#embed "../Gateway/Playground/content-upload.js"
};

static const unsigned char file14[] = {
#embed "../Gateway/Playground/content.css"
};

static const unsigned char file15[] = {
#embed "../Gateway/Playground/content.html"
};

static const unsigned char file16[] = {
#embed "../Gateway/Playground/content.js"
};

static const unsigned char file17[] = {
#embed "../Gateway/Playground/controls.css"
};

static const unsigned char file18[] = {
#embed "../Gateway/Playground/conversations.js"
};

static const unsigned char file19[] = {
#embed "../Gateway/Playground/cost-page.js"
};

static const unsigned char file20[] = {
#embed "../Gateway/Playground/cost.html"
};

static const unsigned char file21[] = {
#embed "../Gateway/Playground/dialogs.css"
};

static const unsigned char file22[] = {
#embed "../Gateway/Playground/dialogs.js"
};

static const unsigned char file23[] = {
#embed "../Gateway/Playground/dom.js"
};

static const unsigned char file24[] = {
#embed "../Gateway/Playground/drawers.js"
};

static const unsigned char file25[] = {
#embed "../Gateway/Playground/early.js"
};

static const unsigned char file26[] = {
#embed "../Gateway/Playground/failures.js"
};

static const unsigned char file27[] = {
#embed "../Gateway/Playground/generation.js"
};

static const unsigned char file28[] = {
#embed "../Gateway/Playground/icons.js"
};

static const unsigned char file29[] = {
#embed "../Gateway/Playground/index.html"
};

static const unsigned char file30[] = {
#embed "../Gateway/Playground/keyboard.js"
};

static const unsigned char file31[] = {
#embed "../Gateway/Playground/layout.css"
};

static const unsigned char file32[] = {
#embed "../Gateway/Playground/logprobs.js"
};

static const unsigned char file33[] = {
#embed "../Gateway/Playground/main.js"
};

static const unsigned char file34[] = {
#embed "../Gateway/Playground/markdown-draw.js"
};

static const unsigned char file35[] = {
#embed "../Gateway/Playground/markdown.js"
};

static const unsigned char file36[] = {
#embed "../Gateway/Playground/metrics.js"
};

static const unsigned char file37[] = {
#embed "../Gateway/Playground/notices.js"
};

static const unsigned char file38[] = {
#embed "../Gateway/Playground/orchestration.css"
};

static const unsigned char file39[] = {
#embed "../Gateway/Playground/orchestration.js"
};

static const unsigned char file40[] = {
#embed "../Gateway/Playground/page.html"
};

static const unsigned char file41[] = {
#embed "../Gateway/Playground/pages.js"
};

static const unsigned char file42[] = {
#embed "../Gateway/Playground/panel.js"
};

static const unsigned char file43[] = {
#embed "../Gateway/Playground/parameters.css"
};

static const unsigned char file44[] = {
#embed "../Gateway/Playground/parameters.js"
};

static const unsigned char file45[] = {
#embed "../Gateway/Playground/peers-page.js"
};

static const unsigned char file46[] = {
#embed "../Gateway/Playground/peers.css"
};

static const unsigned char file47[] = {
#embed "../Gateway/Playground/peers.html"
};

static const unsigned char file48[] = {
#embed "../Gateway/Playground/probabilities.css"
};

static const unsigned char file49[] = {
#embed "../Gateway/Playground/reports.css"
};

static const unsigned char file50[] = {
#embed "../Gateway/Playground/reports.js"
};

static const unsigned char file51[] = {
#embed "../Gateway/Playground/routing-page.js"
};

static const unsigned char file52[] = {
#embed "../Gateway/Playground/routing.html"
};

static const unsigned char file53[] = {
#embed "../Gateway/Playground/scroll.js"
};

static const unsigned char file54[] = {
#embed "../Gateway/Playground/sidebar.js"
};

static const unsigned char file55[] = {
#embed "../Gateway/Playground/snippet-dialog.js"
};

static const unsigned char file56[] = {
#embed "../Gateway/Playground/snippets.js"
};

static const unsigned char file57[] = {
#embed "../Gateway/Playground/stream.js"
};

static const unsigned char file58[] = {
#embed "../Gateway/Playground/syntax.js"
};

static const unsigned char file59[] = {
#embed "../Gateway/Playground/theme.js"
};

static const unsigned char file60[] = {
#embed "../Gateway/Playground/transcript.css"
};

static const unsigned char file61[] = {
#embed "../Gateway/Playground/transcript.js"
};

static const unsigned char file62[] = {
#embed "../Gateway/Playground/welcome.css"
};

static const unsigned char file63[] = {
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
  {"code-page.js", file4, sizeof file4},
  {"code-replay.js", file5, sizeof file5},
  {"code-tree.js", file6, sizeof file6},
  {"code.css", file7, sizeof file7},
  {"code.html", file8, sizeof file8},
  {"composer.css", file9, sizeof file9},
  {"composer.js", file10, sizeof file10},
  {"content-calls.js", file11, sizeof file11},
  {"content-dag.js", file12, sizeof file12},
  {"content-upload.js", file13, sizeof file13},
  {"content.css", file14, sizeof file14},
  {"content.html", file15, sizeof file15},
  {"content.js", file16, sizeof file16},
  {"controls.css", file17, sizeof file17},
  {"conversations.js", file18, sizeof file18},
  {"cost-page.js", file19, sizeof file19},
  {"cost.html", file20, sizeof file20},
  {"dialogs.css", file21, sizeof file21},
  {"dialogs.js", file22, sizeof file22},
  {"dom.js", file23, sizeof file23},
  {"drawers.js", file24, sizeof file24},
  {"early.js", file25, sizeof file25},
  {"failures.js", file26, sizeof file26},
  {"generation.js", file27, sizeof file27},
  {"icons.js", file28, sizeof file28},
  {"index.html", file29, sizeof file29},
  {"keyboard.js", file30, sizeof file30},
  {"layout.css", file31, sizeof file31},
  {"logprobs.js", file32, sizeof file32},
  {"main.js", file33, sizeof file33},
  {"markdown-draw.js", file34, sizeof file34},
  {"markdown.js", file35, sizeof file35},
  {"metrics.js", file36, sizeof file36},
  {"notices.js", file37, sizeof file37},
  {"orchestration.css", file38, sizeof file38},
  {"orchestration.js", file39, sizeof file39},
  {"page.html", file40, sizeof file40},
  {"pages.js", file41, sizeof file41},
  {"panel.js", file42, sizeof file42},
  {"parameters.css", file43, sizeof file43},
  {"parameters.js", file44, sizeof file44},
  {"peers-page.js", file45, sizeof file45},
  {"peers.css", file46, sizeof file46},
  {"peers.html", file47, sizeof file47},
  {"probabilities.css", file48, sizeof file48},
  {"reports.css", file49, sizeof file49},
  {"reports.js", file50, sizeof file50},
  {"routing-page.js", file51, sizeof file51},
  {"routing.html", file52, sizeof file52},
  {"scroll.js", file53, sizeof file53},
  {"sidebar.js", file54, sizeof file54},
  {"snippet-dialog.js", file55, sizeof file55},
  {"snippets.js", file56, sizeof file56},
  {"stream.js", file57, sizeof file57},
  {"syntax.js", file58, sizeof file58},
  {"theme.js", file59, sizeof file59},
  {"transcript.css", file60, sizeof file60},
  {"transcript.js", file61, sizeof file61},
  {"welcome.css", file62, sizeof file62},
  {"welcome.js", file63, sizeof file63},
};

size_t playground_count(void) { return sizeof files / sizeof files[0]; }

const char *playground_name(size_t index) { return index < playground_count() ? files[index].name : NULL; }

const unsigned char *playground_bytes(size_t index) { return index < playground_count() ? files[index].bytes : NULL; }

size_t playground_length(size_t index) { return index < playground_count() ? files[index].length : 0; }
