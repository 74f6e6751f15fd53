/** People's words: they end neither the line nor the sentence. */
export const oneLine = (text: string, most: number): string =>
  text
    .replace(/[\p{Cc}\u2028\u2029\s]+/gu, ' ')
    .trim()
    .slice(0, most)
    .toWellFormed();
