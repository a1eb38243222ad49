// @ts-check
/** Lists that change while somebody works in them. */

/**
 * Makes these the children of a list, in this order. Those that stay are not moved: whoever types in one goes on typing.
 * @param {Element} list @param {readonly Element[]} items
 */
export function place(list, items) {
  for (const old of [...list.children]) if (!items.includes(old)) old.remove();
  items.forEach((item, i) => {
    if (list.children[i] !== item) list.insertBefore(item, list.children[i] ?? null);
  });
}
