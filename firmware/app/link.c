#include "link.h"

#include "../ports/port.h"
#include "network.h"

#define CHUNKS ((GC_INPUT_BYTES + GC_LINK_CHUNK - 1) / GC_LINK_CHUNK)
#define BITMAP ((CHUNKS + 7) / 8)
#define CRC_BYTES 2u

/* The frame being received. Nothing of it is stored but its header: a chunk goes straight to its place in the input, and its bit in
   job.missing stays set until the CRC has shown it to be right. */
static struct {
    uint8_t escaped;
    uint8_t count; /* bytes received; stays at 255, longer than any frame */
    uint8_t size;  /* bytes that a frame of this type has */
    uint16_t crc;
    uint8_t *to;
    uint8_t head[GC_LINK_HEADER];
} frame;

/* The inference being prepared or answered. */
static struct {
    uint8_t sequence;
    uint8_t answered; /* class, cycles and gc_output() are the answer to this sequence number */
    uint8_t class_;
    uint32_t cycles;
    uint8_t missing[BITMAP]; /* a bit a chunk */
} job;

static void job_clear(void) {
    for (uint8_t i = 0; i < BITMAP; i++) {
        job.missing[i] = 0xff;
    }
#if (GC_INPUT_BYTES + GC_LINK_CHUNK - 1) / GC_LINK_CHUNK % 8 != 0
    job.missing[BITMAP - 1] = (1u << CHUNKS % 8) - 1u;
#endif
    job.answered = 0;
}

static void frame_clear(void) {
    frame.escaped = 0;
    frame.count = 0;
    frame.crc = GC_LINK_CRC_START;
}

void gc_link_init(void) {
    job_clear();
    frame_clear();
}

/* CRC-16/MCRF4XX, a byte at a time without a table. */
static __attribute__((noinline)) uint16_t crc_add(uint16_t crc, uint8_t byte) {
    byte ^= (uint8_t)crc;
    byte ^= (uint8_t)(byte << 4);
    return (uint16_t)(((uint16_t)byte << 8 | crc >> 8) ^ (uint8_t)(byte >> 4) ^ ((uint16_t)byte << 3));
}

static uint16_t argument(void) {
    return (uint16_t)(frame.head[2] | frame.head[3] << 8);
}

/* ---- answers ---- */

static __attribute__((noinline)) void send(const void *bytes, uint16_t size) {
    const uint8_t *from = bytes;
    while (size-- != 0) {
        uint8_t byte = *from++;
        frame.crc = crc_add(frame.crc, byte);
        if (byte == GC_LINK_END || byte == GC_LINK_ESC) {
            gc_port_put(GC_LINK_ESC);
            byte = byte == GC_LINK_END ? GC_LINK_ESC_END : GC_LINK_ESC_ESC;
        }
        gc_port_put(byte);
    }
}

/* The request has been read when its answer is sent: frame.crc is free. */
static void send_begin(uint8_t type) {
    gc_port_put(GC_LINK_END);
    frame.crc = GC_LINK_CRC_START;
    frame.head[0] = type; /* the sequence number is the request's */
    send(frame.head, 2);
}

static void send_end(void) {
    uint16_t crc = frame.crc;
    send(&crc, CRC_BYTES);
    gc_port_put(GC_LINK_END);
}

static void answer_hello(void) {
    struct __attribute__((packed)) {
        uint8_t version;
        uint32_t model;
        uint16_t image, inputs, outputs;
        uint8_t classes;
        uint32_t clock;
    } welcome = {GC_LINK_VERSION, GC_MODEL_HASH, GC_LINK_CRC_START, GC_INPUT_BYTES, GC_OUTPUT_BYTES, GC_CLASSES, F_CPU};
    uint16_t length = argument();
    for (uint16_t i = 0; i != length; i++) {
        welcome.image = crc_add(welcome.image, gc_port_flash(i));
    }
    job_clear();
    send_begin(GC_LINK_WELCOME);
    send(&welcome, sizeof welcome);
    send_end();
}

/* Whether every chunk is here and the whole of them is what the host meant to send, to this model. */
static uint8_t input_complete(void) {
    uint8_t missing = 0;
    for (uint8_t i = 0; i < BITMAP; i++) {
        missing |= job.missing[i];
    }
    if (missing != 0) {
        return 0;
    }
    const uint8_t *from = gc_input();
    uint16_t crc = (uint16_t)(GC_MODEL_HASH ^ GC_MODEL_HASH >> 16);
    for (uint16_t i = GC_INPUT_BYTES; i != 0; i--) {
        crc = crc_add(crc, *from++);
    }
    if (crc != argument()) {
        job_clear();
        return 0;
    }
    return 1;
}

static void answer_infer(void) {
    if (!job.answered) {
        if (!input_complete()) {
            send_begin(GC_LINK_MISSING);
            send(job.missing, BITMAP);
            send_end();
            return;
        }
        job_clear(); /* the inference uses the input's memory for itself */
        gc_port_timer_start();
        uint8_t class_ = gc_infer();
        gc_port_timer_stop();
        job.class_ = class_;
        job.cycles = gc_port_timer_cycles();
        job.answered = 1;
    }
    send_begin(GC_LINK_RESULT);
    send(&job.class_, 1);
    send(&job.cycles, sizeof job.cycles);
    send(gc_output(), GC_OUTPUT_BYTES);
    send_end();
}

/* ---- requests ---- */

/* Where bytes of the input go. The chunk counts as missing, and the last answer as gone, from its first byte on: a frame whose
   header was damaged may be writing anywhere in the input. */
static void data_begin(void) {
    uint16_t chunk = argument();
    if (chunk >= CHUNKS) {
        frame.count = 255;
        return;
    }
    uint16_t offset = chunk * GC_LINK_CHUNK;
    uint16_t rest = GC_INPUT_BYTES - offset;
    frame.size += rest < GC_LINK_CHUNK ? (uint8_t)rest : (uint8_t)GC_LINK_CHUNK;
    frame.to = gc_input() + offset;
    job.missing[chunk / 8] |= (uint8_t)(1u << chunk % 8);
    job.answered = 0;
}

static void frame_end(void) {
    if (frame.crc != 0 || frame.escaped || frame.count != frame.size + CRC_BYTES) {
        return;
    }
    uint8_t type = frame.head[0];
    if (frame.head[1] != job.sequence) {
        job.sequence = frame.head[1];
        job_clear();
    }
    if (type == GC_LINK_DATA) {
        uint16_t chunk = argument();
        job.missing[chunk / 8] &= (uint8_t)~(1u << chunk % 8);
    } else if (type == GC_LINK_INFER) {
        answer_infer();
    } else if (type == GC_LINK_HELLO) {
        answer_hello();
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
    if (frame.escaped) {
        frame.escaped = 0;
        if (byte == GC_LINK_ESC_END) {
            byte = GC_LINK_END;
        } else if (byte == GC_LINK_ESC_ESC) {
            byte = GC_LINK_ESC;
        } else {
            frame.count = 255;
        }
    }
    uint8_t count = frame.count;
    if (count == 255) {
        return;
    }
    frame.count = count + 1;
    frame.crc = crc_add(frame.crc, byte);
    if (count < GC_LINK_HEADER) {
        frame.head[count] = byte;
        frame.size = GC_LINK_HEADER;
        if (count == GC_LINK_HEADER - 1 && frame.head[0] == GC_LINK_DATA) {
            data_begin();
        }
    } else if (count < frame.size) {
        *frame.to++ = byte;
    }
}
