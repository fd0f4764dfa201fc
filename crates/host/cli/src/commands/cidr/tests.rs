use super::*;
use crate::args::cidr::LanguageChoice;

#[test]
fn the_language_is_that_of_messages() {
    let how = |lang| HowArgs { steps: false, lang, output: AnswerFormat::Table };
    let language = |lang, vars: &[(&str, &str)]| {
        let var = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        language(how(lang), var)
    };
    assert_eq!(language(None, &[]), Language::En);
    assert_eq!(language(None, &[("LANG", "ko_KR.UTF-8")]), Language::Ko);
    assert_eq!(language(None, &[("LANG", "en_US.UTF-8"), ("LC_MESSAGES", "ko_KR")]), Language::Ko);
    assert_eq!(language(None, &[("LANG", "ko_KR.UTF-8"), ("LC_ALL", "C")]), Language::En);
    assert_eq!(language(None, &[("LANG", "ko_KR.UTF-8"), ("LC_ALL", "")]), Language::Ko);
    assert_eq!(language(Some(LanguageChoice::En), &[("LANG", "ko_KR.UTF-8")]), Language::En);
}

#[test]
fn no_room_is_a_failure_and_a_wrong_question_wrong_usage() {
    let global = crate::args::Global {
        root: None,
        namespace: None,
        verbose: 0,
        color: crate::args::ColorChoice::Never,
    };
    let context = Context::new(&global).unwrap();
    let how = HowArgs { steps: false, lang: Some(LanguageChoice::Ko), output: AnswerFormat::Table };
    let code = |result: Result<(), Failure>| {
        let failure = result.unwrap_err();
        assert!(failure.hint().is_some_and(|hint| hint.ends_with('다')), "{failure}");
        failure.code()
    };
    let allocate = |taken: &str| {
        let size = SizeArgs { length: Some(25), hosts: None };
        let args =
            CidrAllocateArgs { pool: "10.0.0.0/24".to_owned(), size, taken: vec![taken.to_owned()], how };
        code(allocate(&context, &args))
    };
    assert_eq!(allocate("10.0.0.0/8"), 1);
    assert_eq!(allocate("10.0.0.7/8"), 2);
}
