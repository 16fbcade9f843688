/** Dragging by mouse, pen or finger, and moving by arrow keys. */

/**
 * @typedef {object} Handlers
 * @property {(x: number, y: number, isTouch: boolean) => boolean} start Whether something
 *   is taken hold of there, in CSS pixels from the canvas's corner. If not, a finger
 *   scrolls the page.
 * @property {(x: number, y: number) => void} move
 * @property {() => void} [end]
 * @property {"x"} [along] Only moves aside count: a finger that goes up or down scrolls.
 */

/**
 * @param {HTMLElement} target
 * @param {Handlers} handlers
 */
export function dragging(target, { start, move, end, along }) {
  let pointer = -1;
  const place = (/** @type {{clientX: number, clientY: number}} */ event) => {
    const box = target.getBoundingClientRect();
    return /** @type {const} */ ([event.clientX - box.left, event.clientY - box.top]);
  };
  const letGo = () => {
    pointer = -1;
    target.classList.remove("held");
  };
  target.addEventListener("pointerdown", (event) => {
    if (pointer !== -1 || event.button !== 0) return;
    // What `start` changes is shown at once, and must know already that it is held.
    pointer = event.pointerId;
    target.classList.add("held");
    if (start(...place(event), event.pointerType === "touch")) {
      target.setPointerCapture(pointer);
    } else letGo();
  });
  target.addEventListener("pointermove", (event) => {
    if (event.pointerId === pointer) move(...place(event));
  });
  const release = (/** @type {PointerEvent} */ event) => {
    if (event.pointerId !== pointer) return;
    letGo();
    end?.();
  };
  target.addEventListener("pointerup", release);
  target.addEventListener("pointercancel", release);
  if (along) {
    target.style.touchAction = "pan-y";
    return;
  }
  // Only a finger that holds something must not scroll; pointerdown comes before.
  target.addEventListener("touchstart", (event) => pointer !== -1 && event.preventDefault(), {
    passive: false,
  });
}

/** @type {Record<string, [number, number]>} */
const DIRECTIONS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};

/**
 * Arrow keys as moves to the right and upwards; with Shift they are ten times as long.
 *
 * @param {HTMLElement} target
 * @param {(right: number, up: number) => void} move
 * @param {"x"} [along] Only moves aside count: up and down scroll.
 */
export function arrows(target, move, along) {
  target.addEventListener("keydown", (event) => {
    const direction = DIRECTIONS[event.key];
    if (!direction || event.altKey || event.ctrlKey || event.metaKey) return;
    if (along && !direction[0]) return;
    event.preventDefault();
    const factor = event.shiftKey ? 10 : 1;
    move(direction[0] * factor, direction[1] * factor);
  });
}
