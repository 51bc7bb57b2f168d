/** An error of the user's world, told in one line; anything else is a bug and shows where. */
export const expected = message => Object.assign(new Error(message), { expected: true })
