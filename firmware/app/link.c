#include "link.h"

#include "../ports/port.h"
#include "network.h"

#pragma GCC optimize("Os") /* whatever the network is compiled with: the line is slower than any code for it */

#define CHUNKS ((GC_INPUT_BYTES + GC_LINK_CHUNK - 1) / GC_LINK_CHUNK)
#define BITMAP ((CHUNKS + 7) / 8)
#define LAST_BITS (0xffu >> (BITMAP * 8 - CHUNKS))
#define CRC_BYTES 2u
#define TOO_LONG 255u
#define INPUT_CRC_START ((uint16_t)(GC_MODEL_HASH ^ GC_MODEL_HASH >> 16))

#if (GC_INPUT_BYTES + GC_LINK_CHUNK - 1) / GC_LINK_CHUNK > 255
#error "the link takes inputs of at most 16,320 bytes"
#endif

#ifdef GC_INPUT_PIECE
#if GC_INPUT_PIECE < GC_LINK_CHUNK && GC_INPUT_PIECE < GC_INPUT_BYTES
#error "a piece of the input must be a chunk of the link"
#endif
#define VERSION (GC_LINK_VERSION | GC_LINK_IN_PIECES)
#else
#define VERSION GC_LINK_VERSION
#endif

/* The frame being received. Nothing of it is stored but its header: a chunk goes straight to its place in the input,
   and its bit in job.missing stays set until the CRC has shown it to be right. */
static struct {
    uint8_t escaped;
    uint8_t count; /* bytes received, or TOO_LONG */
    uint8_t size;  /* bytes that a frame of this type has, without CRC */
    uint8_t *to;
    uint8_t head[GC_LINK_HEADER];
    uint16_t crc; /* of whatever goes in, goes out or is checked: one at a time */
} frame;

enum { TYPE, SEQUENCE, ARGUMENT }; /* places in the header; the argument has two bytes, low byte first */

/* The inference being prepared or answered. */
static struct {
    uint8_t answered; /* the result and gc_output() are the answer to this sequence number */
    uint8_t sequence;
    struct __attribute__((packed)) {
        uint8_t class_;
        uint32_t cycles;
    } result;
    uint8_t missing[BITMAP]; /* a bit a chunk */
#ifdef GC_INPUT_PIECE
    uint8_t fed;  /* chunks that the network has taken: they come in their order */
    uint8_t held; /* the next one lies in gc_input() and is right */
    uint16_t crc; /* of those taken */
#endif
} job;

static __attribute__((noinline)) void job_clear(void) {
    for (uint8_t i = 0; i < BITMAP; i++) {
        job.missing[i] = 0xff;
    }
    job.missing[BITMAP - 1] = LAST_BITS;
    job.answered = 0;
#ifdef GC_INPUT_PIECE
    job.fed = 0;
    job.held = 0;
    gc_begin();
#endif
}

#ifndef GC_INPUT_PIECE
/* Says whether the chunk that the frame is about is missing. */
static __attribute__((noinline)) void mark(uint8_t missing) {
    uint8_t chunk = frame.head[ARGUMENT];
    uint8_t *byte = &job.missing[chunk / 8];
    uint8_t bit = 1;
    for (chunk %= 8; chunk != 0; chunk--) {
        bit = (uint8_t)(bit << 1);
    }
    *byte |= bit;
    if (!missing) {
        *byte ^= bit;
    }
}
#endif

static void frame_clear(void) {
    frame.escaped = 0;
    frame.count = 0;
    frame.crc = GC_LINK_CRC_START;
}

/* Bytes of the input that a chunk brings. */
static uint8_t chunk_size(uint8_t chunk) {
    if (GC_INPUT_BYTES % GC_LINK_CHUNK != 0 && chunk == CHUNKS - 1) {
        return GC_INPUT_BYTES % GC_LINK_CHUNK;
    }
    return GC_LINK_CHUNK;
}

void gc_link_init(void) {
    job_clear();
    frame_clear();
}

/* CRC-16/MCRF4XX, a byte at a time without a table. */
static __attribute__((noinline)) void crc_add(uint8_t byte) {
    byte ^= (uint8_t)frame.crc;
    byte ^= (uint8_t)(byte << 4);
    frame.crc = (uint16_t)(((uint16_t)byte << 8 | frame.crc >> 8) ^ (uint8_t)(byte >> 4) ^ ((uint16_t)byte << 3));
}

static void keep_crc(void) {
    frame.head[ARGUMENT] = (uint8_t)frame.crc;
    frame.head[ARGUMENT + 1] = (uint8_t)(frame.crc >> 8);
}

static uint16_t argument(void) {
    return (uint16_t)(frame.head[ARGUMENT] | frame.head[ARGUMENT + 1] << 8);
}

/* ---- answers ---- */

static __attribute__((noinline)) void send(const void *bytes, uint16_t size) {
    const uint8_t *from = bytes;
    do {
        uint8_t byte = *from++;
        crc_add(byte);
        if (byte == GC_LINK_END || byte == GC_LINK_ESC) {
            gc_port_put(GC_LINK_ESC);
            byte ^= byte == GC_LINK_END ? GC_LINK_END ^ GC_LINK_ESC_END : GC_LINK_ESC ^ GC_LINK_ESC_ESC;
        }
        gc_port_put(byte);
    } while (--size != 0);
}

/* The request has been read when its answer is sent: its header becomes the answer's. */
static __attribute__((noinline)) void send_begin(uint8_t type) {
    gc_port_put(GC_LINK_END);
    frame.crc = GC_LINK_CRC_START;
    frame.head[TYPE] = type;
    send(frame.head, ARGUMENT);
}

static __attribute__((noinline)) void send_argument(void) {
    send(frame.head + ARGUMENT, 2);
}

static void send_end(void) {
    keep_crc();
    send_argument();
    gc_port_put(GC_LINK_END);
}

static void answer_hello(void) {
    static const struct __attribute__((packed)) {
        uint8_t version;
        uint32_t model;
        uint16_t inputs, outputs;
        uint8_t classes;
        uint32_t clock;
    } welcome = {VERSION, GC_MODEL_HASH, GC_INPUT_BYTES, GC_OUTPUT_BYTES, GC_CLASSES, F_CPU};
    uint16_t length = argument();
    frame.crc = GC_LINK_CRC_START;
    for (uint16_t i = 0; i != length; i++) {
        crc_add(gc_port_flash(i));
    }
    keep_crc();
    job_clear();
    send_begin(GC_LINK_WELCOME);
    send(&welcome, sizeof welcome);
    send_argument();
}

/* Adds the first bytes of what lies in gc_input() to the CRC. */
static void input_crc(uint16_t count) {
    const uint8_t *from = gc_input();
    for (; count != 0; count--) {
        crc_add(*from++);
    }
}

#ifdef GC_INPUT_PIECE
/* Has the network take the chunk that is here. Its bit is the lowest that is set. */
static void take_piece(void) {
    if (!job.held) {
        return;
    }
    if (job.fed == 0) {
        job.crc = INPUT_CRC_START;
        job.result.cycles = 0;
    }
    frame.crc = job.crc;
    input_crc(chunk_size(job.fed));
    job.crc = frame.crc;
    gc_port_timer_start();
    gc_feed();
    gc_port_timer_stop();
    job.result.cycles += gc_port_timer_cycles();
    uint8_t *byte = &job.missing[job.fed / 8];
    *byte &= (uint8_t)(*byte - 1);
    job.fed++;
    job.held = 0;
}
#endif

/* Whether every chunk is here and the whole of them is what the host meant to send, to this model. */
static uint8_t input_complete(void) {
    for (uint8_t i = 0; i < BITMAP; i++) {
        if (job.missing[i] != 0) {
            return 0;
        }
    }
#ifdef GC_INPUT_PIECE
    frame.crc = job.crc;
#else
    frame.crc = INPUT_CRC_START;
    input_crc(GC_INPUT_BYTES);
#endif
    job_clear(); /* wrong, or about to be overwritten by the inference */
    return frame.crc == argument();
}

static void answer_infer(void) {
    if (!job.answered) {
#ifdef GC_INPUT_PIECE
        take_piece();
#endif
        if (!input_complete()) {
            send_begin(GC_LINK_MISSING);
            send(job.missing, BITMAP);
            return;
        }
        gc_port_timer_start();
        uint8_t class_ = gc_infer();
        gc_port_timer_stop(); /* nothing may come between the two: it would be counted */
        job.result.class_ = class_;
#ifdef GC_INPUT_PIECE
        job.result.cycles += gc_port_timer_cycles();
#else
        job.result.cycles = gc_port_timer_cycles();
#endif
        job.answered = 1;
    }
    send_begin(GC_LINK_RESULT);
    send(&job.result, sizeof job.result);
    send(gc_output(), GC_OUTPUT_BYTES);
}

/* ---- requests ---- */

/* Where bytes of the input go. The chunk counts as missing, and the last answer as gone, from its first byte on: a
   frame whose header was damaged may be writing anywhere in the input. */
static void data_begin(void) {
    uint8_t chunk = frame.head[ARGUMENT];
    if (chunk >= CHUNKS) {
        frame.count = TOO_LONG;
        return;
    }
#ifdef GC_INPUT_PIECE
    if (chunk != job.fed) { /* what was taken, or is not yet to be taken: others count on what lies there */
        frame.count = TOO_LONG;
        return;
    }
    frame.to = gc_input();
    job.held = 0;
#else
    frame.to = gc_input() + (uint16_t)(chunk * GC_LINK_CHUNK);
    mark(1);
#endif
    frame.size = GC_LINK_HEADER + chunk_size(chunk);
    job.answered = 0;
}

static __attribute__((noinline)) void frame_end(void) {
    if (frame.crc != 0 || frame.escaped || frame.count != (uint8_t)(frame.size + CRC_BYTES)) {
        return;
    }
    if (frame.head[SEQUENCE] != job.sequence) {
        job.sequence = frame.head[SEQUENCE];
        job_clear();
    }
    if (frame.head[TYPE] == GC_LINK_DATA) {
#ifdef GC_INPUT_PIECE
        job.held = frame.head[ARGUMENT] == job.fed; /* not so if it has just begun a new job, and with another chunk */
#else
        mark(0);
#endif
        return;
    }
    if (frame.head[TYPE] == GC_LINK_INFER) {
        answer_infer();
    } else if (frame.head[TYPE] == GC_LINK_HELLO) {
        answer_hello();
    } else {
        return;
    }
    send_end();
}

static void frame_byte(uint8_t byte) {
    uint8_t count = frame.count;
    if (count == TOO_LONG) {
        return;
    }
    frame.count = count + 1;
    crc_add(byte);
    if (count < GC_LINK_HEADER) {
        frame.head[count] = byte;
        if (count == GC_LINK_HEADER - 1) {
            frame.size = GC_LINK_HEADER;
            if (frame.head[TYPE] == GC_LINK_DATA) {
                data_begin();
            }
        }
    } else if (count < frame.size) {
        *frame.to++ = byte;
    }
}

void gc_link_take(uint8_t byte) {
    if (byte == GC_LINK_END) {
        frame_end();
        frame_clear();
        return;
    }
    if (byte == GC_LINK_ESC) {
        frame.escaped = 1;
        return;
    }
    if (frame.escaped) { /* a wrong escape becomes a wrong byte, and that is the CRC's business */
        frame.escaped = 0;
        byte = byte == GC_LINK_ESC_END ? GC_LINK_END : GC_LINK_ESC;
    }
    frame_byte(byte);
}
