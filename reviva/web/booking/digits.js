// How many digits a currency's minor unit has, by ISO 4217: browsers disagree, for some go by what is paid in cash.

const NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
const THREE = "BHD IQD JOD KWD LYD OMR TND";

export const digits = currency => (NONE.includes(currency) ? 0 : THREE.includes(currency) ? 3 : 2);

/** Intl's options for an amount in a currency. */
export const moneyStyle = currency => ({
  style: "currency", currency, minimumFractionDigits: digits(currency), maximumFractionDigits: digits(currency),
});
