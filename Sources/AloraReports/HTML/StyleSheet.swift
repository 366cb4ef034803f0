/// The report's style: system fonts, one accent color, light and dark, print and small screens.
///
/// The accent is blue and means "adapted"; failures are vermilion. The two can be distinguished with any color vision, and
/// words or marks always accompany them.
enum StyleSheet {
  static let text = """
    :root {
      color-scheme: light dark;
      --page: #fbfbf9; --card: #ffffff; --ink: #1b1d22; --soft: #5c616b; --line: #e3e3de; --base: #efefea;
      --accent: #1f5fbf; --tint: #e2ecfb; --bad: #b23a12; --bad-tint: #fbeae3;
      --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, sans-serif;
      --mono: ui-monospace, "SF Mono", SFMono-Regular, Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --page: #141619; --card: #1b1e22; --ink: #e8e9eb; --soft: #a2a8b2; --line: #30343b; --base: #262a30;
        --accent: #7db0ff; --tint: #1d304f; --bad: #ff9a70; --bad-tint: #40241a;
      }
    }
    *, *::before, *::after { box-sizing: border-box; }
    html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
    body {
      margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.55 var(--sans);
      font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
    }
    main { max-width: 58rem; margin: 0 auto; padding: clamp(1.25rem, 5vw, 4rem) clamp(1rem, 4vw, 2rem) 4rem; }
    h1, h2, h3, h4 { line-height: 1.2; margin: 0; text-wrap: balance; }
    h1 { font-size: clamp(1.75rem, 1.2rem + 2.6vw, 2.75rem); font-weight: 650; letter-spacing: -0.02em; }
    h2 { font-size: 1.25rem; font-weight: 650; letter-spacing: -0.01em; margin: 3.5rem 0 1rem; }
    h3 { display: inline; font-size: 1.05rem; font-weight: 650; }
    h4 { font-size: 0.875rem; font-weight: 650; margin: 2.25rem 0 0.75rem; }
    p { margin: 0 0 0.75rem; max-width: 42rem; text-wrap: pretty; }
    a { color: var(--accent); text-underline-offset: 0.15em; }
    a:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; border-radius: 3px; }
    code, .mono { font-family: var(--mono); font-size: 0.875em; }
    .soft { color: var(--soft); }
    p.soft { font-size: 0.9375rem; }
    .eyebrow { margin: 0 0 0.5rem; color: var(--soft); font-size: 0.875rem; }
    .mark { font-weight: 700; margin-right: 0.15em; }
    .passed .mark, .mark.passed { color: var(--accent); }
    .failed .mark, .mark.failed, .bad { color: var(--bad); }

    dl.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 0.35rem 1.5rem; margin: 2rem 0 0; font-size: 0.9375rem; }
    dl.facts dt { color: var(--soft); }
    dl.facts dd { margin: 0; }
    dl.facts .mono { display: block; color: var(--soft); font-size: 0.8125rem; }

    .proofs { list-style: none; margin: 0; padding: 0; border-top: 1px solid var(--line); }
    .proofs > li { display: grid; grid-template-columns: 1.5rem minmax(0, 1fr); padding: 0.9rem 0; border-bottom: 1px solid var(--line); }
    .proofs .name { font-weight: 650; }
    .proofs p { margin: 0.15rem 0 0; }
    ul.failures { margin: 0.75rem 0 0; padding: 0.75rem 1rem 0.75rem 1.9rem; background: var(--bad-tint); border-left: 3px solid var(--bad); border-radius: 0 4px 4px 0; font-size: 0.9375rem; }
    ul.failures .cause { display: block; }
    ul.failures li + li { margin-top: 0.4rem; }

    .scroll { overflow-x: auto; }
    table { border-collapse: collapse; width: 100%; font-size: 0.875rem; line-height: 1.4; }
    caption { text-align: left; color: var(--soft); font-size: 0.875rem; padding-bottom: 0.6rem; }
    th, td { text-align: left; vertical-align: baseline; padding: 0.45rem 1rem 0.45rem 0; border-bottom: 1px solid var(--line); }
    thead th { color: var(--soft); font-weight: 500; overflow-wrap: normal; }
    tbody th { font-weight: 600; }
    th.n, td.n { text-align: right; white-space: nowrap; overflow-wrap: normal; }
    th:last-child, td:last-child { padding-right: 0; }
    td + td { overflow-wrap: normal; }
    tbody th { overflow-wrap: normal; }
    table + p { margin-top: 1rem; }

    details.case { background: var(--card); border: 1px solid var(--line); border-radius: 8px; margin: 0 0 1rem; }
    details.case > summary { padding: 1rem 1.25rem; cursor: pointer; }
    details.case > summary .soft { font-size: 0.875rem; margin-left: 0.5rem; }
    .inside { padding: 0 1.25rem 1.5rem; scroll-margin-top: 5rem; }
    .inside > h4:first-child { margin-top: 0.75rem; }
    details.more { margin-top: 1.25rem; font-size: 0.9375rem; }
    details.more > summary { cursor: pointer; color: var(--soft); margin-bottom: 0.6rem; }

    details.more tbody th { font-weight: 400; }
    details.more .fits :is(th, td) { font-weight: 650; }
    .bar { width: 28%; }
    .bar svg { display: block; width: 100%; height: 0.5rem; }
    .bar rect { fill: var(--soft); }
    .fits .bar rect { fill: var(--accent); }

    figure { margin: 0; }
    .plot { display: grid; grid-template-columns: 3.25rem minmax(0, 1fr); }
    .plot svg { display: block; width: 100%; height: 15rem; overflow: visible; font: 0.75rem var(--sans); font-variant-numeric: tabular-nums; }
    .plot text { fill: var(--soft); }
    .plot .strong { fill: var(--ink); font-weight: 600; }
    .plot .grid { stroke: var(--line); }
    .plot .zone { fill: var(--base); }
    .plot .start { stroke: var(--accent); stroke-dasharray: 2 3; stroke-width: 1.5; }
    figure .effect { fill: none; stroke: var(--accent); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; vector-effect: non-scaling-stroke; }
    figure .dot { fill: var(--accent); }
    figure .adapted { fill: var(--ink); stroke: var(--card); }
    figure .base { fill: var(--card); stroke: var(--ink); stroke-width: 1.5; }
    figure .tolerance { stroke: var(--bad); stroke-width: 2; stroke-dasharray: 6 3; }
    figure .over { fill: var(--bad); stroke: var(--card); }
    .legend { display: flex; flex-wrap: wrap; gap: 0.35rem 1.25rem; list-style: none; margin: 0.75rem 0; padding: 0; font-size: 0.8125rem; color: var(--soft); }
    .legend li { display: flex; gap: 0.4rem; }
    .legend svg { flex: none; width: 1.5rem; height: 0.75rem; margin-top: 0.25em; overflow: visible; }
    figcaption { font-size: 0.9375rem; max-width: 42rem; }

    .run { margin: 0 0 0.9rem; }
    .run .label { display: block; font-size: 0.8125rem; color: var(--soft); margin-bottom: 0.35rem; }
    .run ol { display: flex; flex-wrap: wrap; gap: 0.3rem 0.2rem; list-style: none; margin: 0; padding: 0; }
    .run li { max-width: 100%; padding: 0 0.3em; border-radius: 3px; font: 0.8125rem/1.6 var(--mono); white-space: pre-wrap; unicode-bidi: isolate; background: var(--base); border-bottom: 2px solid transparent; }
    .run.adapted li { background: var(--tint); border-bottom-color: var(--accent); }
    .run li.invocation { outline: 1.5px solid var(--accent); font-weight: 700; }
    .run li.gap { background: none; border: 0; color: var(--soft); font-family: var(--sans); }

    .tops td { width: 33%; }
    .tops .piece { font-family: var(--mono); font-size: 0.8125rem; white-space: pre-wrap; unicode-bidi: isolate; }
    .tops :is(td, thead th):not(:last-child) { padding-right: 1.75rem; }
    .tops td { padding-top: 0.2rem; padding-bottom: 0.2rem; border-bottom-color: transparent; }
    .tops .entry { display: flex; justify-content: space-between; align-items: baseline; gap: 0.75rem; }
    .tops .p { color: var(--soft); font-size: 0.8125rem; white-space: nowrap; }
    .tops .logit { display: inline-block; min-width: 3.25rem; text-align: right; }
    .tops tbody th { padding-top: 1.1rem; white-space: normal; overflow-wrap: anywhere; }
    .tops tr.first td { font-weight: 650; }
    pre { margin: 0; padding: 1rem 1.25rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px; font: 0.875rem/1.6 var(--mono); white-space: pre-wrap; }
    footer { margin-top: 4rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--soft); font-size: 0.875rem; }

    @media (max-width: 36rem) {
      dl.facts { grid-template-columns: minmax(0, 1fr); gap: 0; }
      dl.facts dt { margin-top: 0.75rem; }
      th, td { padding-right: 0.6rem; }
      .bar { display: none; }
      .inside, details.case > summary { padding-left: 0.9rem; padding-right: 0.9rem; }
      .plot { grid-template-columns: 2.75rem minmax(0, 1fr); }
      .tops td { vertical-align: top; padding-bottom: 0.5rem; }
      .tops :is(td, thead th):not(:last-child) { padding-right: 0.6rem; }
      .tops .entry, .tops .logit { display: block; min-width: 0; text-align: left; }
      .tops .p { display: block; }
    }
    @media print {
      :root { color-scheme: light; --page: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb; --base: #eee; --accent: #1f5fbf; --tint: #e2ecfb; --bad: #b23a12; --bad-tint: #fff; }
      body { font-size: 10pt; }
      main { max-width: none; padding: 0; }
      details::details-content { content-visibility: visible; display: block; }
      details.case, figure, .proofs > li, tr { break-inside: avoid; }
      details.case { break-inside: auto; border-color: #999; }
      .run li, .plot .zone { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
    }

    """
}
